#pragma once
// `parley admin mailboxes`: which accounts are not indexed by the key of their e-mail (platform/text/mailbox.h), and
// which are of one mailbox.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/accounts/accounts.h"
#include "domain/accounts/realm.h"

namespace CLI {
class App;
}

namespace parley::cli {

struct Options;

/// What is to be said of one account.
struct MailboxFinding {
  enum class Is {
    indexed,     ///< By its key: nothing is to be done.
    to_index,    ///< Not yet, and nobody else is to have its mailbox.
    shared,      ///< Another account has its mailbox, or gets it: this one is found by its own spelling alone.
    no_mailbox,  ///< Its address would be refused today: it is found by its own spelling alone.
  };
  std::int64_t account = 0;
  Is is{};
  std::string email;                     ///< As it was registered.
  std::string key = {};                  ///< Of its mailbox; empty without one.
  std::string index = {};                ///< Of the key.
  std::optional<std::int64_t> holder{};  ///< Of a shared one: whose the mailbox is.
  friend bool operator==(const MailboxFinding&, const MailboxFinding&) = default;
};

using IndexOf = std::function<std::string(const accounts::Realm&, std::string_view)>;
/// Of every account, by its id. A mailbox is whose account is indexed by its key, or else whose is the oldest.
/// `index_of` makes the index of a key in the realm of the account.
std::vector<MailboxFinding> find_mailboxes(const std::map<std::int64_t, accounts::Account>& accounts,
                                           const IndexOf& index_of);

/// Adds the task to `admin`, whose flags say where the log and the keys are.
void add_mailboxes(CLI::App& admin, std::shared_ptr<const Options> options, int& exit_code);

}  // namespace parley::cli
