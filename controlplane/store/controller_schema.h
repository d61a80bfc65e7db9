// SPDX-License-Identifier: Apache-2.0
//
// The tables of the controller's own database, and how older files become such.
#pragma once

#include "controlplane/store/database.h"

namespace sluice::controlplane {

// A file whose version is not the newest is brought there by the migrations that it lacks; what is
// published is never edited, a new version adds one.
inline constexpr const char* kControllerMigrations[] = {
    // To 2: events, changes that wait for approvals, revisions that revert by themselves, who
    // recalled what and why, what is struck out, the term that a restore raises, how far rollouts
    // are.
    R"sql(
ALTER TABLE revision ADD COLUMN ticket TEXT NOT NULL DEFAULT '';
ALTER TABLE revision ADD COLUMN approvers TEXT NOT NULL DEFAULT '';
ALTER TABLE state ADD COLUMN term INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN struck BLOB NOT NULL DEFAULT x'';
ALTER TABLE override ADD COLUMN author TEXT NOT NULL DEFAULT '';
ALTER TABLE override ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE override ADD COLUMN time_ns INTEGER NOT NULL DEFAULT 0;
CREATE TABLE waiting(
  id INTEGER PRIMARY KEY CHECK(id = 1), revision INTEGER NOT NULL, back_to INTEGER NOT NULL,
  deadline_ns INTEGER NOT NULL, breaks_glass INTEGER NOT NULL, author TEXT NOT NULL,
  reason TEXT NOT NULL);
CREATE TABLE event(
  sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, message BLOB NOT NULL);
CREATE INDEX event_by_kind ON event(kind, sequence);
CREATE INDEX event_by_target ON event(target, sequence);
CREATE TABLE change(
  id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, rollback_of INTEGER NOT NULL,
  message BLOB NOT NULL);
CREATE TABLE rollout(name TEXT PRIMARY KEY, status BLOB NOT NULL) WITHOUT ROWID;
)sql",
    // To 3: how far rollouts were when a revision was replaced.
    R"sql(
ALTER TABLE revision ADD COLUMN rollouts BLOB NOT NULL DEFAULT x'';
)sql",
};

inline constexpr Schema kControllerSchema = {
    .application_id = 0x536c7563,  // "Sluc"
    .version = 3,
    .sql = R"sql(
CREATE TABLE revision(
  number INTEGER PRIMARY KEY, seconds INTEGER NOT NULL, nanos INTEGER NOT NULL,
  author TEXT NOT NULL, message TEXT NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER NOT NULL,
  rollback_of INTEGER NOT NULL, policy BLOB NOT NULL, policy_sha256 BLOB NOT NULL);
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 1), revision INTEGER REFERENCES revision(number),
  generation INTEGER NOT NULL, eligibility_epoch INTEGER NOT NULL,
  steering_key BLOB NOT NULL, forwarding_table BLOB NOT NULL, table_sha256 BLOB NOT NULL);
CREATE TABLE override(
  pool TEXT NOT NULL, backend TEXT NOT NULL, state INTEGER NOT NULL,
  PRIMARY KEY(pool, backend)) WITHOUT ROWID;
)sql",
    // randomblob draws from the operating system's generator.
    .seed_sql = "INSERT INTO state VALUES(1, NULL, 0, 1, randomblob(16), x'', x'');",
    .migrations = kControllerMigrations,
};

}  // namespace sluice::controlplane
