#include "ops/cli/backup/task.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "platform/crypto/keyring.h"
#include "platform/crypto/signing.h"
#include "platform/process/process.h"
#include "schemas/fields.h"

namespace parley::backup {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kSayEvery{1};
constexpr const char* kPassphraseVariable = "PARLEY_BACKUP_PASSPHRASE";
/// A shorter one is guessed, however slow each guess is.
constexpr std::size_t kPassphraseCharactersMin = 12;

}  // namespace

Progress::Progress(std::string_view task, std::string what, std::int64_t total)
    : task_(task), what_(std::move(what)), total_(total), said_(SteadyClock::now()) {}

bool Progress::add(std::int64_t done) { return at(done_ + done); }

bool Progress::at(std::int64_t done) {
  done_ = done;
  if (const auto now = SteadyClock::now(); now - said_ >= kSayEvery) {
    said_ = now;
    if (::isatty(STDERR_FILENO) == 1) {  // cron mails what is written, and is to mail failures alone
      std::cerr << "parley " << task_ << ": " << what_;
      if (total_ > 0) std::cerr << " " << done_ * 100 / total_ << " %";
      std::cerr << "\n";
    }
  }
  return !process::termination_requested();
}

Result<std::string> passphrase(const std::string& file) {
  std::string text;
  if (!file.empty()) {
    std::ifstream in(file);
    if (!in || !std::getline(in, text)) return std::unexpected(file + ": no passphrase can be read from it");
    if (!text.empty() && text.back() == '\r') text.pop_back();
  } else if (const char* given = std::getenv(kPassphraseVariable)) {
    text = given;
  } else {
    return text;
  }
  if (schema::characters(text) < kPassphraseCharactersMin)
    return std::unexpected(fmt::format("the passphrase must have {} characters at least", kPassphraseCharactersMin));
  return text;
}

Result<> check_key_file(std::string_view name, const std::string& file) {
  if (name == "keys") {
    const auto usable = crypto::Keyring::load(file);
    if (!usable) return std::unexpected(usable.error());
  } else {
    const auto usable = crypto::SigningKey::load(file);
    if (!usable) return std::unexpected(usable.error());
  }
  return {};
}

std::string size_text(std::int64_t bytes) {
  const auto exact = static_cast<double>(bytes);
  return bytes < 1'000'000 ? fmt::format("{:.1f} kB", exact / 1e3) : fmt::format("{:.1f} MB", exact / 1e6);
}

}  // namespace parley::backup
