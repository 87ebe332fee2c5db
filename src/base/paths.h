// Where things are unless somebody says otherwise.
#pragma once

#include <string>

namespace acloud {

// The data folder of `acloud serve`, where the command line also looks for the root key: /var/lib/acloud for
// root, else $XDG_DATA_HOME/acloud or ~/.local/share/acloud.
std::string default_data_folder();

}  // namespace acloud
