// What every root starts from: the lowest layer, beneath those of an image. Folders that programs expect,
// links into /usr, an /etc without anything of the host's own but its certificates, and a /dev.
//
// Made when the spawner starts and no jail stands on the last one, in the server's folder; read-only to
// everyone afterwards.
#pragma once

#include <string>

#include "base/error.h"

namespace acloud::sandbox::jail {

// Writes the layer to `folder`, made new. `privileged`: files get the ids that they have inside.
Result<> make_skeleton(const std::string& folder, bool privileged);

// Mounts a /dev on `folder` of the calling mount namespace, to be cloned for every jail: null, zero, full,
// random, urandom, tty; links; places for pts and shm. `privileged`: nodes can be made; else they are bound.
Result<> make_devices(const std::string& folder, bool privileged);

}  // namespace acloud::sandbox::jail
