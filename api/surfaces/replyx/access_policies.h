#pragma once
// Who may ask on this surface. The site token is public and says which assistant is meant; a guest id is the secret of
// one dialog's visitor.
#include "api/endpoint/credentials.h"
#include "schemas/fields.h"

namespace parley::replyx {
/// What API keys may be good for: an endpoint names one of them, or none.
enum class Scope : std::uint8_t { assistants_read, assistants_write, dialogs_read, dialogs_write };
}  // namespace parley::replyx

template <>
inline constexpr std::array parley::schema::names<parley::replyx::Scope>{
    std::pair{parley::replyx::Scope::assistants_read, std::string_view("assistants:read")},
    std::pair{parley::replyx::Scope::assistants_write, std::string_view("assistants:write")},
    std::pair{parley::replyx::Scope::dialogs_read, std::string_view("dialogs:read")},
    std::pair{parley::replyx::Scope::dialogs_write, std::string_view("dialogs:write")},
};

namespace parley::replyx {

inline constexpr auto kAssistantsRead = schema::name_of(Scope::assistants_read);
inline constexpr auto kAssistantsWrite = schema::name_of(Scope::assistants_write);
inline constexpr auto kDialogsRead = schema::name_of(Scope::dialogs_read);
inline constexpr auto kDialogsWrite = schema::name_of(Scope::dialogs_write);

extern const endpoint::AccessPolicy kAnybody;
// Wherever `Authorization: Bearer` has an API key instead of an access token, the principal is an ApiClient; endpoints
// that name no scope refuse it.

/// `Authorization: Bearer`: whoever has logged in, an Owner, an Operator or an Admin.
extern const endpoint::AccessPolicy kAccount;
/// The same, even of a session that is over: for what must be answered again when it is asked again.
extern const endpoint::AccessPolicy kAccountEvenEnded;
/// `Authorization: Bearer`: the principal is an Owner.
extern const endpoint::AccessPolicy kOwner;
/// The same: the principal is the Owner, or an Operator of an owner's team. Whose dialogs they are, owner_behind()
/// says.
extern const endpoint::AccessPolicy kTeam;
/// `X-Site-Token`: a Visitor of that assistant's site. Where the assistant names domains, an Origin must be one of
/// them.
extern const endpoint::AccessPolicy kSite;
/// The same and `X-Guest-Id`, for the dialog {dialog_id} of the path: a wrong one is answered as if there were no such
/// dialog.
extern const endpoint::AccessPolicy kGuest;
/// Whoever may follow the dialog {dialog_id}: its owner's team (`Authorization`, or `token` in the query, where an
/// EventSource must put it), or its visitor (`site_token` or `assistant_id`, with `guest_id`).
extern const endpoint::AccessPolicy kViewer;
/// As kTeam, with `Authorization` or with `token` in the query.
extern const endpoint::AccessPolicy kFeed;

}  // namespace parley::replyx
