#pragma once
// The part of a process in the stream that began it: the same rules for whatever waits there for something in another
// slot.
#include <optional>
#include <string>
#include <string_view>

#include "domain/kernel.h"

namespace parley::processes {

/// A process has a name of its own and not its command's: the same command may come again when it has been forgotten,
/// and begins another process, which late steps of the first one must not meet.
inline std::string new_process(Context& x) { return std::to_string(x.ids.take()); }

/// What became of a reservation, as the stream takes it for which it was made: whenever that comes, and however often.
enum class Ending {
  awaited,   ///< Its process is under way, and ends by it.
  known,     ///< Its process is over, and nothing is left to do.
  unneeded,  ///< Its process is over, and nobody uses what is reserved: to be declined by an event, and released.
};
/// `pending`: the process that is under way. `used_by`: the one by which the stream has what it uses.
template <class Pending>
Ending ending_of(std::string_view process_id, bool is_reserved, const std::optional<Pending>& pending,
                 const std::optional<std::string>& used_by) {
  if (pending && pending->process_id == process_id) return Ending::awaited;
  return is_reserved && used_by != process_id ? Ending::unneeded : Ending::known;
}

/// The command that began a process is told when a decision has given that up: it was pending before the decision and
/// is not after it. The same command, come again when it had been forgotten, is not told: it waits for its new process.
template <class Answer, class Pending>
std::optional<Closing<Answer>> given_up(const std::optional<Pending>& before, const std::optional<Pending>& after,
                                        const Code& code) {
  if (!before || (after && after->command_id == before->command_id)) return std::nullopt;
  return Closing<Answer>{before->command_id, Error{code, {}}};
}

}  // namespace parley::processes
