#pragma once
// What this surface shows on event streams and feeds.
#include "api/streams/views.h"

namespace parley::replyx {

/// The surface's views: dialog.message.created to everyone who follows the dialog, dialog.created, dialog.archived and
/// dialog.unarchived on feeds; and who is typing.
api::EventViews event_views();

}  // namespace parley::replyx
