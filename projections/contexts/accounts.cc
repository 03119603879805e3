#include "projections/contexts/accounts.h"

#include "projections/contexts/api_keys.h"
#include "projections/contexts/stream_rows.h"

namespace parley::projections {
namespace {

using postgres::Params;
using postgres::Reader;
using postgres::Result;

class AccountRows final : public StreamRows<accounts::Event, AccountRow, AccountRows> {
 public:
  void on(const accounts::Registered& e, const Position& at) {
    auto& row = created(at);
    row.set<&AccountRow::email>(e.email);
    row.set<&AccountRow::first_name>(e.first_name);
    row.set<&AccountRow::last_name>(e.last_name);
    row.set<&AccountRow::created_at>(at.at);
  }
  void on(const accounts::WelcomeBonusGranted& e, const Position& at) {
    auto& row = moved(at);
    row.add<&AccountRow::balance>(e.amount.amount);
    row.add<&AccountRow::welcome_bonus>(e.amount.amount);
  }
  void on(const accounts::LoggedIn&, const Position& at) { moved(at).set<&AccountRow::last_login_at>(at.at); }
  void on(const accounts::ProfileChanged& e, const Position& at) {
    auto& row = moved(at);
    if (e.first_name.given) row.set<&AccountRow::first_name>(e.first_name.value);
    if (e.last_name.given) row.set<&AccountRow::last_name>(e.last_name.value);
    if (e.onboarding_completed) row.set<&AccountRow::onboarding_completed>(*e.onboarding_completed);
  }
  void on(const accounts::EmailChanged& e, const Position& at) { moved(at).set<&AccountRow::email>(e.email); }
  void on(const accounts::JoinedTeam& e, const Position& at) {
    auto& row = moved(at);
    row.set<&AccountRow::role>(accounts::Role::operator_);
    row.set<&AccountRow::team_owner>(e.owner);
    row.set<&AccountRow::team_name>(e.name);
    row.set<&AccountRow::is_active>(true);
  }
  void on(const accounts::TeamMemberChanged& e, const Position& at) {
    auto& row = moved(at);
    if (e.name) row.set<&AccountRow::team_name>(*e.name);
    if (e.is_active) row.set<&AccountRow::is_active>(*e.is_active);
  }
  void on(const accounts::LeftTeam&, const Position& at) { moved(at).set<&AccountRow::team_owner>(std::nullopt); }
  void on(const accounts::AdminAppointed&, const Position& at) {
    moved(at).set<&AccountRow::role>(accounts::Role::admin);
  }
  void on(const accounts::ApiKeyCreated& e, const Position& at) { change_key(e, at); }
  void on(const accounts::ApiKeyRevoked& e, const Position& at) { change_key(e, at); }
  void on(const accounts::ApiKeyUsed& e, const Position& at) { change_key(e, at); }
  // Sessions and passwords are the deciders' and the directory's; an account has its own e-mail until the change of it
  // has ended.
  void on(const accounts::LoggedOut&, const Position& at) { moved(at); }
  void on(const accounts::PasswordChanged&, const Position& at) { moved(at); }
  void on(const accounts::EmailChangeRequested&, const Position& at) { moved(at); }
  void on(const accounts::EmailChangeRefused&, const Position& at) { moved(at); }
  void on(const accounts::EmailReservationDeclined&, const Position& at) { moved(at); }

  postgres::Result<void> write(postgres::Transaction& t) const override {
    if (auto done = StreamRows::write(t); !done) return done;
    return keys_.write(t);
  }

 private:
  void change_key(const auto& event, const Position& at) {
    moved(at);
    keys_.on(event, at);
  }

  ApiKeyChanges keys_;
};

}  // namespace

std::unique_ptr<ContextRows> accounts_rows() { return std::make_unique<AccountRows>(); }

Result<std::optional<AccountRow>> account(Reader& reader, AccountId id) {
  return single<AccountRow>(
      reader.query(select(select_list<AccountRow>(), " FROM accounts WHERE id = $1"), Params(id)));
}

}  // namespace parley::projections
