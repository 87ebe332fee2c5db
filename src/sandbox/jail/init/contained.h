// Init where it was not forked from the spawner but started by an OCI runtime: its standard input is a
// socket, on which Begin brings what it needs.
#pragma once

namespace acloud::sandbox::jail {

// Serves until the end of the jail; returns where it can't begin, with an exit status.
int run_contained_init();

}  // namespace acloud::sandbox::jail
