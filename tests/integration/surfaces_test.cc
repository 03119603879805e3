// Two products on one log: an API that serves ReplyX and a second surface with a prefix, a realm, a form of errors and
// a language of its own, with a decider on a real broker.
#include <gmock/gmock.h>

#include "api/auth/email.h"
#include "api/auth/tokens.h"
#include "api/directory/directory.h"
#include "api/endpoint/credentials.h"
#include "api/endpoint/registry.h"
#include "api/server/server.h"
#include "api/server/surfaces.h"
#include "api/surfaces/replyx/replyx.h"
#include "platform/crypto/keyring.h"
#include "platform/postgres/migrator.h"
#include "projections/schema.h"
#include "tests/integration/decider_fixture.h"
#include "tests/integration/free_port.h"
#include "tests/integration/postgres_fixture.h"
#include "tests/unit/http_client.h"
#include "workers/decider/decider.h"
#include "workers/projector/projector.h"

namespace parley::second {

struct Credentials {
  std::string email;
  std::string password;
};
struct Ticket {
  AccountId account;
  std::string token;
};
struct Fault {
  bool ok = false;
  std::string_view why;
  std::string text;
  std::optional<std::string> at;
};

}  // namespace parley::second

namespace parley::schema {

template <>
struct Codec<std::string_view> {
  static void write(json::Writer& w, std::string_view text) { w.string(text); }
  static void schema(json::Writer& w, const Limits& limits) { Codec<std::string>::schema(w, limits); }
};
template <>
inline constexpr auto fields<second::Credentials> =
    std::tuple{field("email", &second::Credentials::email, {.length_min = 3, .length_max = 100}),
               field("password", &second::Credentials::password, {.length_min = 8, .length_max = 100})};
template <>
inline constexpr auto fields<second::Ticket> =
    std::tuple{field("account", &second::Ticket::account), field("token", &second::Ticket::token)};
template <>
inline constexpr auto fields<second::Fault> =
    std::tuple{field("ok", &second::Fault::ok), field("why", &second::Fault::why), field("text", &second::Fault::text),
               field("at", &second::Fault::at)};

}  // namespace parley::schema

namespace parley::second {
namespace {

using endpoint::Call;
using endpoint::Caller;
using endpoint::Decided;
using endpoint::Deps;
using endpoint::Nothing;
using endpoint::Result;
using endpoint::Sending;

constexpr limits::Limit kLimit{"second", {1'000, std::chrono::minutes{1}}, "requests to the second product"};
constexpr std::array kLimits{&kLimit};
constexpr std::string_view kVerifier = "second_password";

Result<Caller> anybody(const http::Request&, const Deps&) { return Caller{.principal = Anonymous{}, .scope = {}}; }
Result<Caller> bearer(const http::Request& request, const Deps& deps) { return endpoint::with_bearer(request, deps); }
constexpr endpoint::SecurityScheme kScheme{"bearer", endpoint::SecurityScheme::Kind::bearer, "JWT", "An access token"};
const endpoint::AccessPolicy kAnybody{anybody, {}, {}};
const endpoint::AccessPolicy kBearer{.admit = bearer,
                                     .refusals = {kNotAuthenticated, api::kTokenExpired},
                                     .security = {{&kScheme}},
                                     .api_key = &kScheme,
                                     .personal = true};

Sending sending(schema::Target target, const std::string& index, accounts::Command command) {
  return {std::move(target), std::move(command), "email/" + index};
}
Result<Sending> sign_up(const Call<Nothing, Credentials>& call, const Deps& deps) {
  const auto index = deps.tokens.email_index(call.body.email);
  const auto verifier = deps.keys.seal(crypto::password_verifier(call.body.password), kVerifier);
  return sending(accounts::email_key(index), index,
                 accounts::Register{Personal{call.body.email}, index, {}, {}, verifier});
}
Result<Sending> sign_in(const Call<Nothing, Credentials>& call, const Deps& deps) {
  const auto index = deps.tokens.email_index(call.body.email);
  const auto known = deps.directory.account(index);
  accounts::LogIn command{.email_index = index};
  if (known) {
    const auto verifier = deps.keys.open(known->password_verifier, kVerifier);
    command.password_matches = verifier && crypto::password_matches(*verifier, call.body.password);
    command.compared_with = known->password_verifier;
  }
  const auto target =
      known ? schema::Target{Stream{Kind::account, known->account.value}} : schema::Target{accounts::email_key(index)};
  auto out = sending(target, index, std::move(command));
  out.assumes_absent = !known;
  return out;
}
Ticket ticket(const accounts::SignedIn& answer, const Decided& decided) {
  const auto& outcome = decided.outcome;
  return {answer.account,
          decided.deps.tokens.issue(Owner{answer.account}, outcome.time, outcome.command_id, outcome.version)};
}
bool is_known(const accounts::SignedIn& answer, const Deps& deps) {
  return deps.directory.account_of(answer.account).has_value();
}
Result<Sending> sign_out(const Call<Nothing>& call, const Deps&) {
  return Sending{Stream{Kind::account, account_behind(call.caller.principal).value().value},
                 accounts::Command{accounts::LogOut{call.caller.session.value()}}};
}
Nothing nothing(const accounts::Changed&, const Decided&) { return {}; }

void declare(endpoint::Registry& registry) {
  registry.command({.method = "POST",
                    .path = "/accounts",
                    .access = &kAnybody,
                    .status = 201,
                    .operation = "signUp",
                    .summary = "Make an account",
                    .errors = {accounts::kEmailTaken},
                    .hashes = true},
                   sign_up, ticket, is_known);
  registry.command({.method = "POST",
                    .path = "/sessions",
                    .access = &kAnybody,
                    .operation = "signIn",
                    .summary = "Begin a session",
                    .errors = {accounts::kInvalidCredentials},
                    .hashes = true},
                   sign_in, ticket, is_known);
  registry.command({.method = "DELETE",
                    .path = "/sessions",
                    .access = &kBearer,
                    .right = "dialogs:read",
                    .status = 204,
                    .operation = "signOut",
                    .summary = "End the session"},
                   sign_out, nothing);
}

std::string body(const endpoint::Failure& failure, std::string_view message, const endpoint::Language& language) {
  Fault fault{.why = failure.code.name(), .text = std::string(message), .at = {}};
  if (!failure.problem.issue.empty() && failure.code != kInternalError)
    fault.at = failure.problem.field + ": " + endpoint::issue_in(language, failure.problem.issue);
  return schema::write(fault);
}
std::string json_schema() { return schema::json_schema<Fault>(); }
std::string_view ukrainian(const Code& code) {
  if (code == kNotFound) return "Ресурс не знайдено";
  if (code == kNotAuthenticated) return "Потрібна авторизація";
  if (code == kValidationError) return "Некоректні дані";
  return "Помилка";
}
/// Statuses and two of the languages are those of the first surface.
std::vector<endpoint::ErrorRow> rows() {
  auto rows = replyx::surface().errors.rows;
  for (auto& row : rows) row.messages.insert(row.messages.begin(), ukrainian(row.code));
  return rows;
}
constexpr std::array kUkrainianIssues{endpoint::Translation{"is required", "обов'язкове поле"}};

const endpoint::Surface& surface() {
  static const endpoint::Surface made{.name = "second",
                                      .realm = {"second"},
                                      .info = {.title = "Second",
                                               .version = "1",
                                               .description = "Another product on the same log",
                                               .tags = {{"All", "/", "Everything"}},
                                               .limit = &kLimit},
                                      .limits = kLimits,
                                      .errors = {.languages = {{"uk", {kUkrainianIssues}}, {"ru"}, {"en"}},
                                                 .rows = rows(),
                                                 .body = body,
                                                 .json_schema = json_schema},
                                      .events = replyx::surface().events,
                                      .declare = declare};
  return made;
}

/// ReplyX's endpoints for the accounts of the second realm.
const endpoint::Surface& replyx() {
  static const endpoint::Surface made = [] {
    auto surface = replyx::surface();
    surface.name = "third";
    surface.realm = {"second"};
    return surface;
  }();
  return made;
}

}  // namespace
}  // namespace parley::second

namespace parley::decider::testing {
namespace {

using parley::testing::free_port;
using ::testing::HasSubstr;
using ::testing::Not;

class Surfaces : public DeciderTest {
 protected:
  void SetUp() override {
    DeciderTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(crypto::Keyring::create_if_missing(state_dir_ + "/keys"));
    Options decider;
    decider.kafka = config_;
    decider.topic_prefix = prefix_;
    decider.partitions = kPartitions;
    decider.instance = "decider-1";
    decider.state_dir = state_dir_;
    decider_ = std::make_unique<Decider>(std::move(decider));
    decides_ = std::jthread([this](const std::stop_token& stop) { EXPECT_TRUE(decider_->run(stop)); });
    ASSERT_TRUE(eventually([&] { return decider_->verdict().readiness == health::Readiness::ready; }));

    port_ = free_port();
    api_ = std::make_unique<api::Api>(serving({{.surface = &replyx::surface(), .prefix = ""},
                                               {&second::surface(), "/second"},
                                               {&second::replyx(), "/third"}}));
    serves_ = std::jthread([this](const std::stop_token& stop) {
      const auto ended = api_->run(stop);
      EXPECT_TRUE(ended) << ended.error();
    });
    // Without PostgreSQL it is never more than degraded.
    ASSERT_TRUE(eventually([&] { return api_->verdict().readiness != health::Readiness::not_ready; }));
  }
  api::ServerOptions serving(std::vector<api::Mount> surfaces) {
    std::vector<const limits::Limit*> all = api::limits_of_surfaces();
    all.push_back(&second::kLimit);
    api::ServerOptions options;
    options.kafka = config_;
    options.topic_prefix = prefix_;
    options.partitions = kPartitions;
    options.postgres = postgres();
    options.schema = schema_;
    options.keys_file = state_dir_ + "/keys";
    options.port = port_;
    options.surfaces = std::move(surfaces);
    options.limits = limits::settings(all, limits::Profile::local, {}).value();
    return options;
  }
  void TearDown() override {
    serves_ = {};
    decides_ = {};
    DeciderTest::TearDown();
  }

  /// An API lets in, and sends commands, without it.
  virtual std::string postgres() { return "host=" + state_dir_ + " dbname=none"; }

  http::test::Answer ask(const std::string& method, const std::string& path, const std::string& body = "",
                         const std::string& lines = "") const {
    http::test::Client client(port_);
    EXPECT_TRUE(client.send(method + " " + path + " HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n" +
                            lines + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body));
    auto answer = client.read();
    EXPECT_TRUE(answer) << path;
    return answer.value_or(http::test::Answer{});
  }
  static std::string text_of(const http::test::Answer& answer, std::string_view member) {
    const auto document = json::Document::parse(answer.body, json::Strict::no);
    return document ? std::string(document->root().member(member).string().value_or("")) : std::string();
  }
  static std::string bearer(const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; }

  std::string schema_ = postgres::testing::unique_schema();
  std::uint16_t port_ = 0;
  std::unique_ptr<Decider> decider_;
  std::unique_ptr<api::Api> api_;
  std::jthread decides_;
  std::jthread serves_;
};

constexpr auto kAnna = R"({"email":"anna@example.org","password":"password123"})";
constexpr auto kAnnaOfTheSecond = R"({"email":"anna@example.org","password":"another-password"})";

TEST_F(Surfaces, one_email_is_an_account_in_each_realm_and_what_opens_one_opens_nothing_of_the_other) {
  const auto in_first = ask("POST", "/api/auth/register", kAnna);
  ASSERT_EQ(in_first.status, 201) << in_first.body;
  const auto in_second = ask("POST", "/second/accounts", kAnnaOfTheSecond);
  ASSERT_EQ(in_second.status, 201) << in_second.body;
  EXPECT_EQ(ask("POST", "/second/accounts", kAnnaOfTheSecond).status, 409) << "once in each";

  EXPECT_EQ(ask("POST", "/api/auth/login", kAnnaOfTheSecond).status, 401);
  EXPECT_EQ(ask("POST", "/second/sessions", kAnna).status, 401);
  EXPECT_EQ(ask("POST", "/second/sessions", kAnnaOfTheSecond).status, 200);

  const auto token = text_of(in_first, "access_token"), other = text_of(in_second, "token");
  EXPECT_EQ(ask("DELETE", "/second/sessions", "", bearer(token)).status, 401);
  EXPECT_EQ(ask("POST", "/api/auth/logout", "", bearer(other)).status, 401);
  const auto key = ask("POST", "/api/api-keys", R"({"name":"CRM","scopes":["dialogs:read"]})", bearer(token));
  ASSERT_EQ(key.status, 201) << key.body;
  EXPECT_EQ(ask("GET", "/api/dialogs/1387", "", bearer(text_of(key, "key"))).status, 503)
      << "let in, but there is nothing to read";
  EXPECT_EQ(ask("DELETE", "/second/sessions", "", bearer(text_of(key, "key"))).status, 401);
  EXPECT_EQ(ask("DELETE", "/second/sessions", "", bearer(other)).status, 204);
  EXPECT_EQ(ask("POST", "/api/auth/logout", "", bearer(token)).status, 204);

  std::set<std::string> indexes;
  for (const auto& logged : judged_events()) {
    const auto* of_account = logged.event.get_if<accounts::Event>();
    const auto* registered = of_account == nullptr ? nullptr : std::get_if<accounts::Registered>(of_account);
    if (registered != nullptr) indexes.insert(registered->email_index);
  }
  EXPECT_EQ(indexes.size(), 2U);
  EXPECT_EQ(std::ranges::count_if(indexes, [](const auto& index) { return index.starts_with("second:"); }), 1);
}

TEST_F(Surfaces, one_that_has_no_answer_to_a_refusal_is_not_served_and_the_refusal_is_named) {
  auto silent = second::surface();
  std::erase_if(silent.errors.rows, [](const auto& row) { return row.code == dialogs::kDialogNotFound; });
  const auto ended = api::Api(serving({{.surface = &silent, .prefix = "/second"}})).run({});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error(), "the surface second has no answer to DIALOG_NOT_FOUND");
}

TEST_F(Surfaces, a_site_of_one_realm_is_none_in_another) {
  Sender sender(config_, prefix_);
  const auto make_assistant = [&](const http::test::Answer& account, const std::string& site_token) {
    const auto document = json::Document::parse(account.body, json::Strict::no);
    const auto user = document->root().member("user");
    const auto id = user.present() ? user.member("id") : document->root().member("account");
    const auto made = sender.insist(request(schema::NewStream{}, Owner{AccountId{id.integer().value()}},
                                            assistants::Command{assistants::Create{.name = "Bot",
                                                                                   .description = {},
                                                                                   .system_prompt = {},
                                                                                   .ai_model = "m",
                                                                                   .site_token = site_token,
                                                                                   .telegram_bot_token = {},
                                                                                   .website_integration = true,
                                                                                   .allowed_domains = {}}}));
    EXPECT_TRUE(std::holds_alternative<Answer>(made.outcome.result));
  };
  const auto open_dialog_with = [&](const std::string& site_token) {
    return ask("POST", "/api/site/dialogs", "{}", "X-Site-Token: " + site_token + "\r\n").status;
  };
  make_assistant(ask("POST", "/second/accounts", kAnna), "second:st_1");
  make_assistant(ask("POST", "/api/auth/register", kAnna), "st_2");
  EXPECT_TRUE(eventually([&] { return open_dialog_with("st_2") == 201; }));
  EXPECT_EQ(open_dialog_with("second:st_1"), 401);
}

TEST_F(Surfaces, errors_have_the_form_and_the_language_of_the_surface_under_whose_prefix_they_are) {
  const auto here = ask("GET", "/second/nothing"), there = ask("GET", "/nothing");
  EXPECT_EQ(here.body, R"({"ok":false,"why":"NOT_FOUND","text":"Ресурс не знайдено"})");
  EXPECT_TRUE(here.has("Content-Language: uk"));
  EXPECT_EQ(there.body, R"({"error":{"code":"NOT_FOUND","message":"Ресурс не найден","details":{}}})");
  EXPECT_TRUE(there.has("Content-Language: ru"));
  EXPECT_THAT(ask("GET", "/secondary").body, HasSubstr(R"("error":{)"));
  EXPECT_THAT(ask("PATCH", "/second/sessions").body, HasSubstr(R"("why":"METHOD_NOT_ALLOWED")"));

  const auto refused = ask("DELETE", "/second/sessions");
  EXPECT_EQ(refused.body, R"({"ok":false,"why":"NOT_AUTHENTICATED","text":"Потрібна авторизація"})");
  const auto in_english = ask("DELETE", "/second/sessions", "", "Accept-Language: ru;q=0.5, en\r\n");
  EXPECT_EQ(in_english.body, R"({"ok":false,"why":"NOT_AUTHENTICATED","text":"Authentication is required"})");
  EXPECT_EQ(ask("POST", "/second/accounts", R"({"email":"a@b.example"})").body,
            R"({"ok":false,"why":"VALIDATION_ERROR","text":"Некоректні дані","at":"password: обов'язкове поле"})");
}

TEST_F(Surfaces, each_is_described_under_its_prefix) {
  const auto document = ask("GET", "/second/openapi.json").body;
  EXPECT_THAT(document, HasSubstr(R"("/second/accounts":{)"));
  EXPECT_THAT(document, HasSubstr("Language of error messages: uk (default), ru or en"));
  EXPECT_THAT(document, HasSubstr(R"("enum":["uk","ru","en"])"));
  EXPECT_THAT(document, Not(HasSubstr("/api/")));
  EXPECT_THAT(ask("GET", "/openapi.json").body, Not(HasSubstr("/second/")));
}

/// With tables, and a projector that fills them.
class SurfacesWithTables : public Surfaces {
 protected:
  void SetUp() override {
    if (std::getenv("PARLEY_TEST_POSTGRES") == nullptr) GTEST_SKIP() << "PARLEY_TEST_POSTGRES is not set";
    Surfaces::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    projector_.emplace(projector::Options{.kafka = config_,
                                          .events_topic = prefix_ + ".events",
                                          .partitions = kPartitions,
                                          .group = prefix_ + ".projector",
                                          .instance = "projector-1",
                                          .postgres = postgres(),
                                          .schema = schema_});
    projects_ = std::jthread([this](const std::stop_token& stop) { EXPECT_TRUE(projector_->run(stop)); });
  }
  void TearDown() override {
    projects_ = {};
    Surfaces::TearDown();
    if (IsSkipped()) return;
    postgres::Pool pool({.session = session(), .connections_max = 1});
    auto lease = pool.lease(std::chrono::seconds(5));
    ASSERT_TRUE(lease) << lease.error().detail;
    EXPECT_TRUE(lease->query("DROP SCHEMA \"" + schema_ + "\" CASCADE"));
  }
  std::string postgres() override {
    const std::string connection = std::getenv("PARLEY_TEST_POSTGRES");
    if (!std::exchange(has_tables_, true)) {
      const auto migrated = postgres::migrate(session(), projections::migrations());
      EXPECT_TRUE(migrated) << migrated.error().detail;
    }
    return connection;
  }
  postgres::SessionOptions session() const {
    return {.connection = std::getenv("PARLEY_TEST_POSTGRES"), .application_name = "parley test", .schema = schema_};
  }
  /// The access token of an admin of that realm, who logs in under the prefix.
  std::string admin_of(const accounts::Realm& realm, const std::string& prefix, Sender& sender) {
    const auto keys = crypto::Keyring::load(state_dir_ + "/keys").value();
    const auto index = api::Tokens(keys, realm).email_index("admin@example.org");
    const auto verifier = keys.seal(crypto::password_verifier("password123"), api::kPasswordVerifierContext);
    const auto made =
        sender.insist(request(accounts::email_key(index), ConsoleOperator{},
                              accounts::Command{accounts::CreateAdmin{{"admin@example.org"}, index, verifier}}));
    EXPECT_TRUE(std::holds_alternative<Answer>(made.outcome.result));
    http::test::Answer logged_in;
    EXPECT_TRUE(eventually([&] {
      logged_in = ask("POST", prefix + "/api/auth/login", R"({"email":"admin@example.org","password":"password123"})");
      return logged_in.status == 200;
    }));
    return text_of(logged_in, "access_token");
  }

 private:
  bool has_tables_ = false;
  std::optional<projector::Projector> projector_;
  std::jthread projects_;
};

TEST_F(SurfacesWithTables, an_admin_reads_what_happened_in_dialogs_of_its_own_realm_alone) {
  Sender sender(config_, prefix_);
  const auto dialog_under = [&](const std::string& prefix, std::string& token) {
    const auto registered = ask("POST", prefix + "/api/auth/register", kAnna);
    EXPECT_EQ(registered.status, 201) << registered.body;
    token = text_of(registered, "access_token");
    const auto document = json::Document::parse(registered.body, json::Strict::no);
    const AccountId owner{document->root().member("user").member("id").integer().value()};
    return dialog_of(sender.insist(open_dialog(AssistantId{5 * kSlots + 7}, owner)));
  };
  const auto history = [&](const std::string& prefix, DialogId dialog, const std::string& token) {
    return ask("GET", prefix + "/api/dialogs/" + std::to_string(dialog.value) + "/history", "", bearer(token));
  };
  std::string owner_here, owner_there;
  const auto here = dialog_under("", owner_here), there = dialog_under("/third", owner_there);
  const auto admin_here = admin_of({}, "", sender), admin_there = admin_of({"second"}, "/third", sender);
  EXPECT_TRUE(eventually([&] { return history("", here, owner_here).status == 200; }));
  EXPECT_TRUE(eventually([&] { return history("/third", there, owner_there).status == 200; }));

  EXPECT_EQ(history("", here, admin_here).body, history("", here, owner_here).body);
  EXPECT_EQ(history("/third", there, admin_there).body, history("/third", there, owner_there).body);
  for (const auto& refused : {history("", there, admin_here), history("/third", here, admin_there),
                              history("", DialogId{there.value + kSlots}, admin_here)}) {
    EXPECT_EQ(refused.status, 404);
    EXPECT_THAT(refused.body, HasSubstr("DIALOG_NOT_FOUND"));
  }
  EXPECT_EQ(history("", here, admin_there).status, 401);
}

}  // namespace
}  // namespace parley::decider::testing
