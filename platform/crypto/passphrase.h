#pragma once
// Secrets under a passphrase, for what leaves the machine.
#include <expected>
#include <string>
#include <string_view>

namespace parley::crypto {

/// Encrypts and authenticates (Argon2id of the passphrase under a salt of its own, 256 MiB, then XSalsa20-Poly1305).
/// One line of text that says how it was made: "argon2id13 <passes> <bytes> <salt> <nonce and box>", the last two in
/// base64url. Takes about a second of one core. Throws std::bad_alloc when there is no memory for it.
std::string seal_with_passphrase(std::string_view secret, std::string_view passphrase);
/// The error says whether the text is malformed, or the passphrase is another one (or the text was changed), never what
/// is in it.
std::expected<std::string, std::string> open_with_passphrase(std::string_view sealed, std::string_view passphrase);

}  // namespace parley::crypto
