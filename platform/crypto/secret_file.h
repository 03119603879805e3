#pragma once
// Files that hold a secret: their user alone may read them.
#include <expected>
#include <string>
#include <string_view>

namespace parley::crypto {

/// Makes the file (mode 0600), whole or not at all; false when there is one, which stays as it is. The error never
/// holds what was to be written.
std::expected<bool, std::string> create_secret_file(const std::string& path, std::string_view text);

/// Puts the text where the file stands (mode 0600), whole or not at all.
std::expected<void, std::string> replace_secret_file(const std::string& path, std::string_view text);

/// A line of two words: a key's id and the key. A file that others may read is an error; the error never says what is
/// in it.
struct KeyLine {
  std::string id;
  std::string key;  ///< As it is written there: base64url.
};
std::expected<KeyLine, std::string> read_key_line(const std::string& path);

}  // namespace parley::crypto
