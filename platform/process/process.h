#pragma once
// What every role of the program does with its process: wait for the order to end, and say which limits it has.
#include <string>

namespace parley::process {

/// Blocks SIGTERM and SIGINT in this thread and in all that it starts from now on: first thing in main(). SIGPIPE is ignored.
void catch_termination();
/// Waits for SIGTERM or SIGINT.
void wait_for_termination();
/// Whether one of them has come; does not wait.
bool termination_requested();
/// As many open files as the system lets this user have: every stream is one or two.
void raise_open_files_limit();

}  // namespace parley::process
