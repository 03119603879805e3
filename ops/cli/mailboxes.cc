#include "ops/cli/mailboxes.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <expected>
#include <iostream>
#include <memory>
#include <thread>
#include <tuple>
#include <utility>

#include "api/auth/tokens.h"
#include "ops/cli/log_place.h"
#include "ops/cli/options.h"
#include "ops/cli/send_command.h"
#include "platform/crypto/keyring.h"
#include "platform/kafka/consumer.h"
#include "platform/kafka/read_through.h"
#include "platform/log/log.h"
#include "platform/text/mailbox.h"
#include "projections/record.h"
#include "schemas/envelope.h"
#include "schemas/events.h"

namespace parley::cli {
namespace {

using Is = MailboxFinding::Is;
using Accounts = std::map<std::int64_t, accounts::Account>;

// Exit codes, which docs/operations.md has too.
constexpr int kAllIndexed = 0, kFailed = 1, kSomeAreNot = 2;
/// How long the deciders and the reactor may take from one step to the next.
constexpr std::chrono::seconds kStepWithin{30};
constexpr std::chrono::milliseconds kLookAgain{200};

int fail(std::string_view why) {
  std::cerr << "parley admin mailboxes: " << why << "\n";
  return kFailed;
}

/// All accounts of a log as they are now, and again a moment later.
class AccountsOfLog {
 public:
  static std::expected<AccountsOfLog, std::string> open(const LogPlace& log) {
    auto reader = kafka::Consumer::open(log.kafka, {});
    if (!reader) return std::unexpected(reader.error().text);
    return AccountsOfLog(std::move(*reader), kafka::every_partition(log.prefix + ".events", log.partitions));
  }

  /// Folds what has come since the last time.
  std::expected<void, std::string> read_on() {
    auto stretches = kafka::all_of(reader_, partitions_);
    if (!stretches) return std::unexpected(stretches.error().text);
    for (auto& stretch : *stretches) {
      const auto read = read_to_.find(stretch.where.partition);
      if (read != read_to_.end()) stretch.from = std::min(read->second, stretch.to);
      read_to_[stretch.where.partition] = stretch.to;
    }
    std::string fault;
    const auto read = kafka::read_through(reader_, *stretches, [&](const kafka::Message& record) {
      fault = fold(record);
      return fault.empty();
    });
    if (!read) return std::unexpected(read.error().text);
    if (!fault.empty()) return std::unexpected(std::move(fault));
    return {};
  }

  const Accounts& now() const { return accounts_; }

 private:
  AccountsOfLog(kafka::Consumer reader, std::vector<kafka::TopicPartition> partitions)
      : reader_(std::move(reader)), partitions_(std::move(partitions)) {}

  std::string fold(const kafka::Message& record) {
    const auto stream = parse_stream(record.header("ce_subject").value_or(""));
    if (!stream || stream->kind != Kind::account) return {};
    const auto found = projections::read_record(record);
    if (!found) return found.error();
    const auto event = schema::decode_event(found->envelope.type, found->value);
    if (!event) return "the event at " + projections::place_of(record) + " cannot be read";
    const auto* of_account = *event ? (*event)->get_if<accounts::Event>() : nullptr;
    if (of_account == nullptr) return {};
    const auto known = accounts_.find(stream->id);
    const auto state = accounts::evolve(known == accounts_.end() ? accounts::State{} : accounts::State{known->second},
                                        *of_account, {found->envelope.time, found->envelope.sequence});
    if (const auto* account = std::get_if<accounts::Account>(&state)) accounts_.insert_or_assign(stream->id, *account);
    return {};
  }

  kafka::Consumer reader_;
  std::vector<kafka::TopicPartition> partitions_;
  std::map<int, std::int64_t> read_to_;
  Accounts accounts_;
};

std::size_t count(const std::vector<MailboxFinding>& findings, Is is) {
  return static_cast<std::size_t>(std::ranges::count(findings, is, &MailboxFinding::is));
}

void print(const std::vector<MailboxFinding>& findings) {
  for (const auto& one : findings) {
    const auto line = [&](std::string_view state, const std::string& rest) {
      std::cout << state << "  account/" << one.account << "  " << one.email << rest << "\n";
    };
    switch (one.is) {
      case Is::indexed:
        break;
      case Is::to_index:
        line("to index  ", "  is " + one.key);
        break;
      case Is::shared:
        line("shared    ", fmt::format("  is {}, which account/{} has: this one logs in with its own spelling alone",
                                       one.key, *one.holder));
        break;
      case Is::no_mailbox:
        line("no mailbox", "  would be refused today: it logs in with its own spelling alone");
        break;
    }
  }
  std::cout << findings.size() << " accounts: " << count(findings, Is::indexed) << " indexed by their mailbox, "
            << count(findings, Is::to_index) << " to index, " << count(findings, Is::shared) << " shared, "
            << count(findings, Is::no_mailbox) << " with no mailbox\n";
}

/// Asks for each index that is to change. How many were asked for; what was refused is said.
std::expected<std::size_t, std::string> ask_for_indexes(const LogPlace& log,
                                                        const std::vector<MailboxFinding>& findings) {
  std::size_t asked = 0;
  for (const auto& one : findings) {
    if (one.is != Is::to_index) continue;
    accounts::ChangeEmail command;
    command.email = Personal{one.email};  // the same: its index alone changes
    command.email_index = one.index;
    const auto outcome = send_command(log, Stream{Kind::account, one.account}, accounts::Command{std::move(command)});
    if (!outcome) return std::unexpected(outcome.error());
    if (const auto* error = std::get_if<Error>(&outcome->result)) {
      std::cerr << "account/" << one.account << " is not indexed: " << error->code.name()
                << " (its e-mail is being changed, or its stream is parked: run this again later)\n";
      continue;
    }
    ++asked;
  }
  return asked;
}

/// Until no change of an index is under way any more.
std::expected<void, std::string> wait_until_done(AccountsOfLog& log) {
  const auto under_way = [&] {
    return std::ranges::count_if(log.now(), [](const auto& one) {
      return one.second.pending_email && one.second.pending_email->email == one.second.email;
    });
  };
  auto left = under_way();
  auto until = std::chrono::steady_clock::now() + kStepWithin;
  while (left != 0) {
    if (std::chrono::steady_clock::now() > until) {
      return std::unexpected(
          fmt::format("{} changes are under way and do not end: does `parley reactor processes` run?", left));
    }
    std::this_thread::sleep_for(kLookAgain);
    if (auto read = log.read_on(); !read) return read;
    if (const auto now = under_way(); now != left) {
      left = now;
      until = std::chrono::steady_clock::now() + kStepWithin;
    }
  }
  return {};
}

int run(const Options& options, bool write) {
  const auto keys = crypto::Keyring::load(options.keys_file);
  if (!keys) return fail(keys.error());
  const auto index_of = [&](const accounts::Realm& realm, std::string_view form) {
    return api::Tokens(*keys, realm).email_index(form);
  };
  const auto place = find_log(options);
  if (!place) return fail(place.error());
  auto log = AccountsOfLog::open(*place);
  if (!log) return fail(log.error());
  if (const auto read = log->read_on(); !read) return fail(read.error());
  const auto& known = log->now();
  const bool are_its_keys =
      known.empty() || std::ranges::any_of(known, [&](const auto& one) {
        const auto forms = text::forms(one.second.email.text);
        const auto& index = one.second.email_index;
        const auto realm = accounts::Realm::of(index);
        return std::ranges::any_of(forms, [&](const auto& form) { return index_of(realm, form) == index; });
      });
  if (!are_its_keys) return fail("these are not the keys of this log (--keys-file): no account is indexed under them");
  auto findings = find_mailboxes(known, index_of);
  if (write) {
    auto asked = ask_for_indexes(*place, findings);
    if (!asked) return fail(asked.error());
    if (*asked != 0) {
      if (const auto read = log->read_on(); !read) return fail(read.error());
      if (const auto done = wait_until_done(*log); !done) return fail(done.error());
      findings = find_mailboxes(log->now(), index_of);
    }
  }
  print(findings);
  return count(findings, Is::indexed) == findings.size() ? kAllIndexed : kSomeAreNot;
}

}  // namespace

std::vector<MailboxFinding> find_mailboxes(const Accounts& accounts, const IndexOf& index_of) {
  std::vector<MailboxFinding> findings;
  std::map<std::string, std::tuple<bool, Timestamp, std::int64_t>>
      holders;  // by index: whether it is not indexed so, since when, who
  for (const auto& [id, account] : accounts) {
    auto& one = findings.emplace_back(MailboxFinding{.account = id, .is = Is::no_mailbox, .email = account.email.text});
    const auto mailbox = text::mailbox(account.email.text);
    if (!mailbox) continue;
    one.key = mailbox->key;
    one.index = index_of(accounts::Realm::of(account.email_index), one.key);
    one.is = account.email_index == one.index ? Is::indexed : Is::to_index;
    const std::tuple claim{one.is != Is::indexed, account.created_at, id};
    const auto [holder, is_first] = holders.try_emplace(one.index, claim);
    if (!is_first) holder->second = std::min(holder->second, claim);
  }
  for (auto& one : findings) {
    if (one.is != Is::to_index) continue;
    const auto holder = std::get<std::int64_t>(holders.at(one.index));
    if (holder == one.account) continue;
    one.is = Is::shared;
    one.holder = holder;
  }
  return findings;
}

void add_mailboxes(CLI::App& admin, std::shared_ptr<const Options> options, int& exit_code) {
  const auto write = std::make_shared<bool>(false);  // lives as long as the callback that reads it
  auto* command = admin
                      .add_subcommand("mailboxes",
                                      "Lists accounts of earlier builds that cannot log in with every spelling of "
                                      "their e-mail, and accounts that share one mailbox. Ends with 0 when there are "
                                      "none, 2 when there are some, 1 when the command failed")
                      ->fallthrough();
  command->add_flag("--write", *write,
                    "Indexes these accounts by their mailbox, except those whose mailbox another account has; needs "
                    "running deciders and the processes reactor");
  command->callback([options = std::move(options), write, &exit_code] {
    log::configure("admin", "", *log::level_named("error"));
    exit_code = run(*options, *write);
  });
}

}  // namespace parley::cli
