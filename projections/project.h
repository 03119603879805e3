#pragma once
// Events -> rows: one overload per event type. What an event changes beside its row's version, and nothing else; the stream's own rows alone. None
// for what no row tells of: claims, and an assistant that is not created yet, or never will be.
#include "domain/model.h"
#include "projections/batch.h"
#include "projections/position.h"

namespace parley::projections {

void project(const accounts::Registered& event, const Position& position, Batch& batch);
void project(const accounts::WelcomeBonusGranted& event, const Position& position, Batch& batch);
void project(const accounts::LoggedIn& event, const Position& position, Batch& batch);
void project(const accounts::LoggedOut& event, const Position& position, Batch& batch);
void project(const accounts::PasswordChanged& event, const Position& position, Batch& batch);
void project(const accounts::ProfileChanged& event, const Position& position, Batch& batch);
void project(const accounts::JoinedTeam& event, const Position& position, Batch& batch);
void project(const accounts::TeamMemberChanged& event, const Position& position, Batch& batch);
void project(const accounts::LeftTeam& event, const Position& position, Batch& batch);
void project(const accounts::AdminAppointed& event, const Position& position, Batch& batch);
void project(const accounts::ApiKeyCreated& event, const Position& position, Batch& batch);
void project(const accounts::ApiKeyRevoked& event, const Position& position, Batch& batch);
void project(const accounts::ApiKeyUsed& event, const Position& position, Batch& batch);
void project(const accounts::EmailChangeRequested& event, const Position& position, Batch& batch);
void project(const accounts::EmailChanged& event, const Position& position, Batch& batch);
void project(const accounts::EmailChangeRefused& event, const Position& position, Batch& batch);
void project(const accounts::EmailReservationDeclined& event, const Position& position, Batch& batch);

void project(const assistants::Created& event, const Position& position, Batch& batch);
void project(const assistants::Updated& event, const Position& position, Batch& batch);
void project(const assistants::SiteTokenRotated& event, const Position& position, Batch& batch);
void project(const assistants::Deleted& event, const Position& position, Batch& batch);
void project(const assistants::UpdateRequested& event, const Position& position, Batch& batch);
void project(const assistants::UpdateRefused& event, const Position& position, Batch& batch);
void project(const assistants::BotClaimed& event, const Position& position, Batch& batch);
void project(const assistants::BotReleased& event, const Position& position, Batch& batch);

void project(const dialogs::Opened& event, const Position& position, Batch& batch);
void project(const dialogs::MessageCreated& event, const Position& position, Batch& batch);
void project(const dialogs::Archived& event, const Position& position, Batch& batch);
void project(const dialogs::Unarchived& event, const Position& position, Batch& batch);

}  // namespace parley::projections
