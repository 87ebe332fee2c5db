// Files as one .tar.gz, the same bytes for the same files.
#pragma once

#include "base/error.h"
#include "surfaces/library.h"

namespace acloud::surfaces::skills {

// ustar in gzip, names as they are, no owners and no times. Errors: internal.
Result<std::string> tar_gz(const std::vector<SkillFile>& files);

}  // namespace acloud::surfaces::skills
