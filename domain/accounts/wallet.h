#pragma once
// An account's money. It has a stream of its own as soon as somebody pays; until then its only event is the account's.
#include "domain/kernel.h"

namespace parley::accounts {

/// What a new owner is given.
inline constexpr Kopecks kWelcomeBonus{500'00};

struct WelcomeBonusGranted {
  Kopecks amount;
  friend bool operator==(const WelcomeBonusGranted&, const WelcomeBonusGranted&) = default;
};

struct Wallet {
  Kopecks balance;
  Kopecks welcome_bonus;
  friend bool operator==(const Wallet&, const Wallet&) = default;
};

}  // namespace parley::accounts
