// Registers an account as builds before platform/text did: the address indexed with nothing but ASCII in lower case,
// the password hashed as it was typed. Prints the account's stream. For tests of what has become of such accounts.
#include <CLI/CLI.hpp>
#include <iostream>

#include "api/auth/email.h"
#include "api/auth/tokens.h"
#include "domain/accounts/accounts.h"
#include "ops/cli/options.h"
#include "ops/cli/send_command.h"
#include "platform/crypto/crypto.h"
#include "platform/text/mailbox.h"

int main(int argc, char** argv) {
  using namespace parley;
  CLI::App app{"Registers an account as earlier builds did"};
  cli::Options options;
  std::string email, password;
  cli::add_kafka(app, options);
  cli::add_keys(app, options);
  app.add_option("email", email)->required();
  app.add_option("password", password)->required();
  CLI11_PARSE(app, argc, argv);
  const auto keys = crypto::Keyring::load(options.keys_file);
  if (!keys) {
    std::cerr << keys.error() << "\n";
    return 1;
  }
  const auto form = text::ascii_form(email);
  const auto index = api::Tokens(*keys).email_index(form);
  const accounts::Register command{
      Personal{form}, index, {}, {}, keys->seal(crypto::password_verifier(password), api::kPasswordVerifierContext)};
  const auto outcome =
      cli::send_command({.kafka = options.kafka(), .prefix = options.topic_prefix, .partitions = options.partitions},
                        accounts::email_key(index), accounts::Command{command});
  if (!outcome) {
    std::cerr << outcome.error() << "\n";
    return 1;
  }
  if (std::holds_alternative<Error>(outcome->result)) {
    std::cerr << "refused\n";
    return 1;
  }
  std::cout << outcome->stream << "\n";
  return 0;
}
