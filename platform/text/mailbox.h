#pragma once
// One mailbox, whichever way its address is typed.
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace parley::text {

/// Bytes of a typed address. More than any that can be delivered to (RFC 5321: 254 octets; RFC 6531 lets them be
/// UTF-8).
inline constexpr std::size_t kAddressBytesMax = 1'024;

struct Mailbox {
  /// To show and to send to: NFKC, lower case, the domain in Unicode. Case folding is not in it: "straße@" may be
  /// another mailbox at its provider.
  std::string address;
  /// To compare and to index: the same for all spellings of one mailbox, however long ago they were typed. NFKC and
  /// case-folded (so ß is ss and ς is σ), the domain as IDNA (UTS 46, non-transitional) maps it, in Unicode. Of a plain
  /// ASCII address it is the lower-cased address. A key's key is itself.
  std::string key;
};

/// Why a text is no mailbox.
struct NoMailbox {
  enum class Why {
    too_long,          ///< More bytes than kAddressBytesMax.
    hidden_character,  ///< `character` must not be in an address: see hidden_character() in text.h.
    malformed,         ///< There is not one @ with something on both sides.
    domain,            ///< IDNA does not permit the domain.
  };
  Why why{};
  char32_t character = 0;
  friend bool operator==(const NoMailbox&, const NoMailbox&) = default;
};

/// ASCII white space around the address is left out. Whether the local part and the domain's labels have the form of an
/// e-mail's is another question, to be asked of `address`. Pure, thread-safe; errors and time as in text.h.
std::expected<Mailbox, NoMailbox> mailbox(std::string_view typed);

/// The form by which addresses were compared before there were keys: no ASCII white space around it, ASCII in lower
/// case, nothing else. Accounts of that time are indexed by it. Of a key it is the key.
std::string ascii_form(std::string_view typed);

/// What an account with this mailbox may be indexed by, in the order in which to look: the typed spelling as it was
/// compared before there were keys, for its account must stay its own; the key; other spellings that people use (NFC
/// and NFD; lower case, capitals, a capital first; the domain in Unicode and as it travels): not all that there are. No
/// form twice. Of a plain ASCII address that is its key alone; of what is no mailbox (any more) the first alone.
std::vector<std::string> forms(std::string_view typed);

}  // namespace parley::text
