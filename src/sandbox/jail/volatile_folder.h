// Folders for what ends with the machine: the sockets and records of jails and sandboxes.
//
// These are made and removed with every sandbox, which a journaling file system is slow at: ext4 gives the
// number of a file that was removed to nobody for a minute, and who makes one looks at all of those first, a
// millisecond for each file after some thousand sandboxes. So root has them on a tmpfs (/run or /dev/shm), in
// a folder of their own that only he may enter, and at `path` lies a symbolic link to it. Without root,
// without a tmpfs, and where a plain folder has something in it, `path` is a plain folder.
#pragma once

#include <string>

#include "base/error.h"

namespace acloud::sandbox::jail {

// Makes it, where it is not there. `path` is absolute, its parent is there and the caller's own.
Result<> make_volatile_folder(const std::string& path);

// Whether it lies in memory: what is written there waits for no disk.
bool is_on_tmpfs(const std::string& path);

// Removes one on a tmpfs that is empty, so that nothing is left outside of the data folder.
// REQUIRES: nobody makes it meanwhile.
void remove_volatile_folder(const std::string& path);

}  // namespace acloud::sandbox::jail
