#pragma once
// What an account is entered with: the limits of an e-mail and of a password, in Unicode characters.
#include <cstddef>

namespace parley::accounts {

inline constexpr std::size_t kEmailMax = 254;  ///< RFC 5321 4.5.3.1.3, without the brackets.
inline constexpr std::size_t kPasswordMin = 8;
inline constexpr std::size_t kPasswordMax = 128;  ///< Of the form that is hashed too.

}  // namespace parley::accounts
