#pragma once
// How often callers of this surface may ask: the documented table, and what it leaves open. An endpoint names its limit
// in its declaration (endpoint::Spec); one that names none has kGeneralLimit. A new limit is a constant here, a place
// in all_limits(), and a line in the table of docs/operations.md; every flag, metric and document follows.
#include <span>

#include "api/limits/limit.h"

namespace parley::replyx {

// Documented.

inline constexpr limits::Limit kGeneralLimit{
    "general", {100, std::chrono::minutes{1}}, "requests of one account to everything that has no limit of its own"};
inline constexpr limits::Limit kLoginLimit{"login", {5, std::chrono::minutes{5}}, "logins from one address"};

// Where the general limit would be wrong.

/// Of one account, from all addresses together: whoever has many would otherwise try its password for ever. Twice the
/// limit of an address, so that a single one cannot keep an account's owner out by using it up. It counts addresses of
/// nobody as well, and its refusal says nothing of who has an account.
inline constexpr limits::Limit kLoginEmailLimit{
    "login-email", {10, std::chrono::minutes{5}}, "logins to one e-mail address"};
/// Whoever has got hold of a token must not try the account's password for ever, which would be theirs then.
inline constexpr limits::Limit kPasswordLimit{
    "password", {10, std::chrono::minutes{5}}, "changes of one account's password, tried or made"};
/// Each costs a password's hashing and stays for ever, and tells whether an e-mail has an account: rarer than what is
/// general. An office behind one address gets ten people in, with their mistakes, before it waits.
inline constexpr limits::Limit kRegisterLimit{
    "register", {10, std::chrono::minutes{10}}, "registrations from one address"};
/// By address: all visitors of a site have one token, and a busy site would use up any limit of it. Above the general
/// one, where behind one address (a mobile network's, an office's) are many visitors who each open one dialog; and
/// below, for each dialog stays for ever: together, somewhat less.
inline constexpr limits::Limit kOpenDialogLimit{
    "open-dialog", {60, std::chrono::minutes{1}}, "dialogs opened from one address"};
/// Of one visitor, who is known by the secret of the dialog, whatever is shared: a page that asks each second what is
/// new, and writes.
inline constexpr limits::Limit kVisitorLimit{
    "visitor", {120, std::chrono::minutes{1}}, "requests of the visitor of one dialog"};
/// Of one caller: after an API was started anew, a page opens the streams of all dialogs that it shows at once, and an
/// EventSource goes on trying. They must not use up what the page needs to be usable.
inline constexpr limits::Limit kStreamLimit{
    "stream", {300, std::chrono::minutes{1}}, "event streams opened by one account, or by the visitor of one dialog"};
/// Of all visitors and streams behind one address: a dialog costs nothing, and each brings another visitor's limit.
/// High, because a network's address is that of many.
inline constexpr limits::Limit kAddressLimit{
    "address",
    {1'200, std::chrono::minutes{1}},
    "requests of all visitors, and event streams opened by anybody, from one address"};

/// The order is that of the documents.
std::span<const limits::Limit* const> all_limits();

}  // namespace parley::replyx
