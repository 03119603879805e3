#include "ops/cli/admin.h"

#include <fmt/format.h>

#include <termios.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <expected>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth/email.h"
#include "api/auth/tokens.h"
#include "api/server/surfaces.h"
#include "domain/accounts/credentials.h"
#include "ops/cli/directory.h"
#include "ops/cli/fail.h"
#include "ops/cli/mailboxes.h"
#include "ops/cli/options.h"
#include "ops/cli/refusals.h"
#include "ops/cli/send_command.h"
#include "platform/log/log.h"
#include "platform/text/printable.h"
#include "platform/text/text.h"

namespace parley::cli {
namespace {

constexpr std::string_view kTask = "admin";

/// What is typed is not shown while this lives.
class Unseen {
 public:
  Unseen() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    auto unseen = before_;
    unseen.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen) == 0;
  }
  ~Unseen() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

std::expected<std::string, std::string> line_of_input(std::string_view prompt) {
  const bool is_asked = isatty(STDIN_FILENO) != 0;
  if (is_asked) std::cerr << prompt << ": " << std::flush;
  std::string line;
  {
    const Unseen unseen;
    std::getline(std::cin, line);
  }
  if (is_asked) std::cerr << "\n";
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

/// In the form that is hashed.
std::expected<std::string, std::string> password() {
  auto text = line_of_input("Password");
  if (!text) return text;
  if (!text::is_utf8(*text)) return std::unexpected("the password must be UTF-8");
  const auto form = text::password_form(*text);
  const auto length = schema::characters(form);
  if (length < accounts::kPasswordMin || length > accounts::kPasswordMax) {
    return std::unexpected(fmt::format("the password must have {} to {} characters (one line on standard input)",
                                       accounts::kPasswordMin, accounts::kPasswordMax));
  }
  if (isatty(STDIN_FILENO) != 0 && line_of_input("The same again") != text)
    return std::unexpected("these were two passwords");
  return form;
}

struct Asked {
  Options options;
  std::string email;
  std::string surface = "replyx";
};

/// `command_of` makes the command of the e-mail, its index and the sealed verifier.
int run(const Asked& asked, accounts::Command (*command_of)(std::string, std::string, Sealed), std::string_view done) {
  if (!text::is_utf8(asked.email)) return fail(kTask, "the e-mail must be UTF-8");
  const auto [email, issue] = api::typed_email(asked.email);
  const auto keys = crypto::Keyring::load(asked.options.keys_file);
  if (!keys) return fail(kTask, keys.error());
  const auto log = find_log(asked.options);
  if (!log) return fail(kTask, log.error());
  auto text = password();
  if (!text) return fail(kTask, text.error());
  const api::Tokens tokens(*keys, api::read_mount(asked.surface)->surface->realm);
  std::vector<std::string> indexes;
  for (const auto& form : email.forms) indexes.push_back(tokens.email_index(form));
  const auto known = account_of_email(*log, indexes);
  if (!known) return fail(kTask, known.error().text);
  if (!*known && !issue.empty()) return fail(kTask, "the e-mail " + issue);
  const auto index = *known ? (*known)->email_index : tokens.email_index(email.key);
  const auto command =
      command_of(email.text, index, keys->seal(crypto::password_verifier(*text), api::kPasswordVerifierContext));
  const auto target = api::by_email(*known ? std::optional((*known)->account) : std::nullopt, index);
  const auto outcome = send_command(*log, target, command);
  if (!outcome) return fail(kTask, outcome.error());
  if (const auto* error = std::get_if<Error>(&outcome->result)) {
    return fail(kTask, error->code == kNotFound ? "NOT_FOUND: no account has this e-mail" : in_words(error->code));
  }
  std::cout << outcome->stream << ": " << done << "\n";
  return 0;
}

}  // namespace

void add_admin(CLI::App& app, int& exit_code) {
  const auto asked = std::make_shared<Asked>();  // lives as long as the callbacks that read it
  auto* admin =
      app.add_subcommand("admin", "Manages accounts from the console: creates an admin, resets a lost password");
  admin->require_subcommand(1);
  add_kafka(*admin, asked->options);
  add_keys(*admin, asked->options);
  const auto add = [&](const char* name, const char* description,
                       accounts::Command (*command_of)(std::string, std::string, Sealed), std::string_view done) {
    auto* command = admin->add_subcommand(name, description)->fallthrough();
    command->add_option("--email", asked->email, "The account's e-mail")->required();
    command->add_option("--surface", asked->surface, "The product whose account it is")
        ->capture_default_str()
        ->check([](const std::string& text) {
          const auto mount = api::read_mount(text);
          return mount ? std::string() : mount.error();
        });
    command->callback([asked, command_of, done, &exit_code] {
      log::configure("admin", "", *log::level_named("error"));
      exit_code = run(*asked, command_of, done);
    });
  };
  add(
      "create", "Creates an admin's account; reads the password from standard input",
      [](std::string email, std::string index, Sealed verifier) -> accounts::Command {
        return accounts::CreateAdmin{Personal{std::move(email)}, std::move(index), std::move(verifier)};
      },
      "an admin");
  add(
      "reset-password", "Sets an account's password, read from standard input, and ends its sessions",
      [](std::string, std::string, Sealed verifier) -> accounts::Command {
        return accounts::ResetPassword{std::move(verifier)};
      },
      "has the new password, and its sessions are over");
  add_mailboxes(*admin, {asked, &asked->options}, exit_code);
}

}  // namespace parley::cli
