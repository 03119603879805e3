#pragma once
// A realm: the accounts of one product, or of several that share them. The same e-mail may have an account in each
// realm, and what opens something in one opens nothing in another.
#include <string>
#include <string_view>

namespace parley::accounts {

/// Texts by which something of a realm is found (the index of an e-mail, the digest of an API key, a site token) begin
/// with the realm's name and a colon; those of the first realm, which has no name, have no colon. So a text says of
/// itself where it belongs, in the log, in the directory and in requests alike.
struct Realm {
  static constexpr char kMark = ':';

  std::string name{};  ///< Of a-z, 0-9 and '-', or empty: the first realm. It is in the log: never renamed.

  /// The realm of a qualified text.
  static Realm of(std::string_view text) {
    const auto mark = text.find(kMark);
    return {std::string(text.substr(0, mark == std::string_view::npos ? 0 : mark))};
  }
  /// `text`, which must not have a colon, as one of this realm.
  std::string qualify(std::string_view text) const {
    return name.empty() ? std::string(text) : name + kMark + std::string(text);
  }
  bool owns(std::string_view text) const { return of(text) == *this; }

  friend bool operator==(const Realm&, const Realm&) = default;
};

}  // namespace parley::accounts
