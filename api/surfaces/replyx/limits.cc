#include "api/surfaces/replyx/limits.h"

#include <array>

namespace parley::replyx {

std::span<const limits::Limit* const> all_limits() {
  static constexpr std::array<const limits::Limit*, 9> kAll{&kGeneralLimit,  &kLoginLimit,    &kLoginEmailLimit,
                                                            &kPasswordLimit, &kRegisterLimit, &kOpenDialogLimit,
                                                            &kVisitorLimit,  &kStreamLimit,   &kAddressLimit};
  return kAll;
}

}  // namespace parley::replyx
