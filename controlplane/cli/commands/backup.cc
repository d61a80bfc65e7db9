// SPDX-License-Identifier: Apache-2.0
//
// sluice backup: everything that a controller must not lose, as one file.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

// It holds the steering key: nobody else reads it.
constexpr mode_t kOwnerOnly = 0600;
constexpr uint64_t kTellEvery = uint64_t{64} << 20;

bool write_all(int handle, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(handle, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  return true;
}

ExitCode back_up(Session& session, const std::string& path) {
  // Written under another name first: a file of the final name is complete.
  const std::string draft = path + ".partial";
  if (::access(path.c_str(), F_OK) == 0) {
    return session.fail(ExitCode::kError, path + " is there already; name another file");
  }
  const int handle =
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
  if (handle < 0) {
    return session.fail(ExitCode::kError,
                        fmt::format("cannot write {}: {}", draft, std::strerror(errno)));
  }
  uint64_t size = 0;
  uint64_t told = 0;
  ExitCode code = session.call(v1::BackupRequest(), [&](const v1::BackupResponse& piece) {
    if (!write_all(handle, piece.chunk())) {
      return session.fail(ExitCode::kError,
                          fmt::format("cannot write {}: {}", draft, std::strerror(errno)));
    }
    size += piece.chunk().size();
    if (size - told >= kTellEvery) {
      told = size;
      fmt::print(session.err(), "{} bytes\n", count_text(static_cast<double>(size)));
    }
    return ExitCode::kOk;
  });
  const bool is_durable = ::fsync(handle) == 0;
  ::close(handle);
  if (code == ExitCode::kOk && (!is_durable || std::rename(draft.c_str(), path.c_str()) != 0)) {
    code = session.fail(ExitCode::kError,
                        fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  if (code != ExitCode::kOk) {
    ::unlink(draft.c_str());
    return code;
  }
  fmt::print(session.err(),
             "{}: {} bytes; sluice-controller --config FILE --restore {} brings them back\n", path,
             size, path);
  return ExitCode::kOk;
}

}  // namespace

void add_backup(Verbs& verbs) {
  const auto path = std::make_shared<std::string>();
  CLI::App& verb =
      verbs.add("backup", "Save everything that a controller must not lose; admins only",
                "sluice backup controller-backup.db",
                [path](Session& session) { return back_up(session, *path); });
  verb.add_option("file", *path, "Where to; it must not be there yet")->required();
}

}  // namespace sluice::controlplane::cli
