#pragma once
// Events -> rows: one overload per event type. What an event changes beside its row's version, and nothing else; the stream's own rows alone.
#include "domain/model.h"
#include "projections/batch.h"
#include "projections/position.h"

namespace parley::projections {

void project(const accounts::Registered& event, const Position& position, Batch& batch);
void project(const accounts::WelcomeBonusGranted& event, const Position& position, Batch& batch);
void project(const accounts::LoggedIn& event, const Position& position, Batch& batch);

void project(const assistants::Created& event, const Position& position, Batch& batch);
void project(const assistants::Updated& event, const Position& position, Batch& batch);
void project(const assistants::SiteTokenRotated& event, const Position& position, Batch& batch);
void project(const assistants::Deleted& event, const Position& position, Batch& batch);

void project(const dialogs::Opened& event, const Position& position, Batch& batch);
void project(const dialogs::MessageCreated& event, const Position& position, Batch& batch);
void project(const dialogs::Archived& event, const Position& position, Batch& batch);
void project(const dialogs::Unarchived& event, const Position& position, Batch& batch);

}  // namespace parley::projections
