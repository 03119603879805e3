#include "workers/reactors/runtime/reactor.h"

#include <stdexcept>

namespace parley::reactors {

Command Reactor::when_due(const Timer& timer) const {
  throw std::logic_error("the reactor " + std::string(name()) + " sets the timer " + timer.name +
                         " and does not say what happens when it is due");
}
void Reactor::ask(const Cause&, const std::string&, const Done&) {
  throw std::logic_error("the reactor " + std::string(name()) + " asks the outside and does not say how");
}

}  // namespace parley::reactors
