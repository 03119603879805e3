// What saves a declaration words: groups of endpoints, answers that are filled from rows.
#include <gmock/gmock.h>

#include "api/endpoint/answer_of.h"
#include "api/endpoint/group.h"
#include "projections/contexts/dialogs.h"

namespace parley::endpoint {

struct ShownDialog {
  DialogId id;
  AssistantId assistant_id;
  schema::Nullable<Personal> first_name;
  bool is_new = true;
};

}  // namespace parley::endpoint

namespace parley::schema {

template <>
inline constexpr auto fields<endpoint::ShownDialog> = std::tuple{
    field("id", &endpoint::ShownDialog::id), field("assistant_id", &endpoint::ShownDialog::assistant_id),
    field("first_name", &endpoint::ShownDialog::first_name), field("is_new", &endpoint::ShownDialog::is_new)};

}  // namespace parley::schema

namespace parley::endpoint {
namespace {

using testing::ElementsAre;

const AccessPolicy kOne{}, kOther{};
constexpr limits::Limit kLimit{"declared", {1, std::chrono::seconds{1}}, "tests"};

TEST(Group, says_what_its_endpoints_do_not) {
  const Group all({.path = "/api/things", .access = &kOne, .right = "things:write", .limit = &kLimit});
  const Group one(all({.path = "/{thing_id}", .errors = {kNotFound}}));
  const auto spec = one({.method = "PUT", .path = "/name", .operation = "rename", .errors = {kVersionConflict}});
  EXPECT_EQ(spec.method, "PUT");
  EXPECT_EQ(spec.path, "/api/things/{thing_id}/name");
  EXPECT_EQ(spec.operation, "rename");
  EXPECT_EQ(spec.access, &kOne);
  EXPECT_EQ(spec.right, "things:write");
  EXPECT_EQ(spec.limit, &kLimit);
  EXPECT_THAT(spec.errors, ElementsAre(kNotFound, kVersionConflict));
}
TEST(Group, leaves_what_an_endpoint_says_itself) {
  const Group all({.path = "/api/things", .access = &kOne, .right = "things:write"});
  const auto spec = all({.method = "GET", .access = &kOther, .right = "things:read"});
  EXPECT_EQ(spec.path, "/api/things");
  EXPECT_EQ(spec.access, &kOther);
  EXPECT_EQ(spec.right, "things:read");
}

TEST(AnswerOf, a_row_has_the_values_of_the_columns_with_the_names_of_its_fields) {
  projections::DialogRow row;
  row.id = DialogId{1387};
  row.assistant = AssistantId{1386};
  row.first_name = Personal{"Anna"};
  const auto shown = answer_of<ShownDialog, "is_new">(row);
  EXPECT_EQ(shown.id, DialogId{1387});
  EXPECT_EQ(shown.assistant_id, AssistantId{1386});
  EXPECT_EQ(shown.first_name.value, Personal{"Anna"});
  EXPECT_TRUE(shown.is_new) << "as it is made";
}

}  // namespace
}  // namespace parley::endpoint
