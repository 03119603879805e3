#pragma once
// Endpoints that have much in common: what a group says, each of them says.
//
//   const Group operators({.path = "/api/operators", .access = &kOwner});
//   const Group one(operators({.path = "/{operator_id}", .errors = {accounts::kOperatorNotFound}}));
//   registry.query(one({.method = "GET", .operation = "getOperator", .summary = "..."}), get_operator);
#include <utility>

#include "api/endpoint/registry.h"

namespace parley::endpoint {

/// Immutable; needed while endpoints are declared.
class Group {
 public:
  /// The beginning of each path, the errors of each endpoint beside its own, and the access policy, the right and the
  /// limits of each one that names none. Nothing else of `common` counts.
  explicit Group(Spec common) : common_(std::move(common)) {}

  /// What an endpoint of the group says.
  Spec operator()(Spec spec) const {
    spec.path = common_.path + spec.path;
    if (spec.access == nullptr) spec.access = common_.access;
    if (spec.right.empty()) spec.right = common_.right;
    if (spec.limit == nullptr) spec.limit = common_.limit;
    if (spec.address_limit == nullptr) spec.address_limit = common_.address_limit;
    spec.errors.insert(spec.errors.begin(), common_.errors.begin(), common_.errors.end());
    return spec;
  }

 private:
  Spec common_;
};

}  // namespace parley::endpoint
