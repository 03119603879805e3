#pragma once
// Claims on the wire: their events. Names and fields are never edited after release: a changed event is a new
// type (.v2) with an upcaster.
#include "domain/claims/claims.h"
#include "schemas/contexts/words.h"
#include "schemas/fields.h"

namespace parley::schema {

// Events.

template <>
inline constexpr auto wire<claims::Reserved> = event_type<claims::Reserved>(
    "parley.claim.reserved.v1", "A unique value was reserved for a stream that lives in another slot",
    [](const auto& e, const auto&) { return e.index + " is reserved for " + std::to_string(e.holder); },
    field("index", &claims::Reserved::index, {}, "The kind of unique value: `account_email`, `telegram_bot`"),
    field("key", &claims::Reserved::key, {}, "The value: its HMAC under a server key"),
    field("process_id", &claims::Reserved::process_id, {}, "The id of the change that requested the value"),
    field("holder_id", &claims::Reserved::holder, {},
          "The id of the stream that has the value: an account for an e-mail, an assistant for a bot"),
    field("holder_version", &claims::Reserved::holder_version, {},
          "The holder's version at the request; the latest of a holder's reservations counts"));
template <>
inline constexpr auto wire<claims::Refused> = event_type<claims::Refused>(
    "parley.claim.refused.v1", "A unique value was refused, because another stream has it",
    [](const auto& e, const auto&) {
      return e.index + " is not reserved for " + std::to_string(e.holder) + ": another stream has it";
    },
    field("index", &claims::Refused::index, {}, "The kind of unique value: `account_email`, `telegram_bot`"),
    field("key", &claims::Refused::key, {}, "The value: its HMAC under a server key"),
    field("process_id", &claims::Refused::process_id),
    field("holder_id", &claims::Refused::holder, {}, "The id of the stream that requested the value"));
template <>
inline constexpr auto wire<claims::Confirmed> = event_type<claims::Confirmed>(
    "parley.claim.confirmed.v1", "A reserved value was confirmed: the change that requested it has ended",
    [](const auto&, const auto&) -> std::string { return "what was reserved is used"; },
    field("process_id", &claims::Confirmed::process_id));
template <>
inline constexpr auto wire<claims::Released> = event_type<claims::Released>(
    "parley.claim.released.v1", "A unique value was released: another stream may reserve it",
    [](const auto& e, const auto&) { return e.index + " is released"; },
    field("index", &claims::Released::index, {}, "The kind of unique value: `account_email`, `telegram_bot`"),
    field("key", &claims::Released::key, {}, "The value: its HMAC under a server key"),
    field("process_id", &claims::Released::process_id));

// Commands.

template <>
inline constexpr auto wire<claims::Reserve> =
    named_type("parley.claim.reserve.v1", field("index", &claims::Reserve::index), field("key", &claims::Reserve::key),
               field("process_id", &claims::Reserve::process_id), field("holder_id", &claims::Reserve::holder),
               field("holder_version", &claims::Reserve::holder_version));
template <>
inline constexpr auto wire<claims::Confirm> =
    named_type("parley.claim.confirm.v1", field("process_id", &claims::Confirm::process_id));
template <>
inline constexpr auto wire<claims::Release> =
    named_type("parley.claim.release.v1", field("index", &claims::Release::index), field("key", &claims::Release::key),
               field("process_id", &claims::Release::process_id));

}  // namespace parley::schema
