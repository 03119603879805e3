#pragma once
// The dialogs that a benchmark writes to and reads from; ops/bench opens them and hands them over in a file.
#include <cstdint>
#include <string>
#include <vector>

namespace parley::bench {

struct Dialog {
  std::int64_t id = 0;
  std::string guest_id;
};

struct Scene {
  std::string site_token;
  std::int64_t assistant_id = 0;
  std::vector<Dialog> dialogs;
};

/// A file of words: the site token, the assistant's id, then each dialog's id and its guest id. Throws
/// std::runtime_error.
Scene read_scene(const std::string& path);

}  // namespace parley::bench
