// SPDX-License-Identifier: Apache-2.0
//
// sluice get: the objects of the policy in force, and what nodes say about backends.
#include <algorithm>
#include <memory>
#include <string_view>

#include "controlplane/cli/commands/target.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/object.h"
#include "controlplane/cli/render/policy.h"
#include "controlplane/cli/verbs.h"
#include "controlplane/policy/print.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

using google::protobuf::Message;

struct GetOptions {
  std::vector<std::string> words;
  uint64_t revision = 0;  // 0: the newest
  WatchOptions watch;
  Format format = Format::kTable;
};

struct Selected {
  const Kind* kind;
  std::vector<const Message*> objects;
};

ExitCode select(Session& session, const Target& target, const v1::Policy& policy,
                std::vector<Selected>& selected) {
  for (const Kind& kind : kinds()) {
    if (target.kind != nullptr && &kind != target.kind) continue;
    Selected one{&kind, objects_of(policy, kind)};
    if (!target.name.empty()) {
      const Message* object = find_object(policy, {&kind, target.name});
      if (object == nullptr) {
        return session.fail(ExitCode::kNotFound,
                            fmt::format("there is no {}/{}", kind.name, target.name));
      }
      one.objects = {object};
    }
    selected.push_back(std::move(one));
  }
  return ExitCode::kOk;
}

// With what the controller knows of the object in `status`, which an apply ignores.
Document with_status(const Message& object, const v1::GetPolicyResponse& policy) {
  Document document = object_document(object);
  if (object.GetDescriptor() != v1::Guardrail::descriptor()) return document;
  const v1::WouldRefuse* monitored = find_would_refuse(policy, name_of(object));
  if (monitored == nullptr) return document;
  Document status = Document::object();
  status.add("would_refuse", document_of(*monitored));
  document.add("status", std::move(status));
  return document;
}

void print_json(Session& session, const Target& target, const std::vector<Selected>& selected,
                const v1::GetPolicyResponse& policy) {
  if (!target.name.empty()) {
    const Selected& one = selected.front();
    session.out() << with_status(*one.objects.front(), policy).to_json();
    return;
  }
  Document items = Document::list();
  for (const Selected& one : selected) {
    for (const Message* object : one.objects)
      items.append(with_status(*object, policy));
  }
  Document document = Document::object();
  document.add("items", std::move(items));
  session.out() << document.to_json();
}

// The form that `sluice apply -f -` takes.
void print_policy(Session& session, const std::vector<Selected>& selected) {
  const char* separator = "";
  for (const Selected& one : selected) {
    for (const Message* object : one.objects) {
      session.out() << separator << print_object(*object);
      separator = "---\n";
    }
  }
}

void print_tables(Session& session, const Target& target, const std::vector<Selected>& selected,
                  const v1::GetPolicyResponse& policy, const v1::ListRolloutsResponse& statuses,
                  Format format) {
  const char* separator = "";
  for (const Selected& one : selected) {
    if (format == Format::kName) {
      for (const Message* object : one.objects) {
        fmt::print(session.out(), "{}/{}\n", one.kind->name, name_of(*object));
      }
      continue;
    }
    if (target.what == TargetKind::kAll) {
      if (one.objects.empty()) continue;
      fmt::print(session.out(), "{}{}\n", separator, one.kind->plural);
      separator = "\n";
    }
    table_of(*one.kind, one.objects, policy, statuses, format)
        .print(session.out(), session.palette());
  }
}

ExitCode get_policy(Session& session, const GetOptions& options, const Target& target) {
  v1::GetPolicyRequest request;
  request.set_revision(options.revision);
  v1::GetPolicyResponse response;
  const ExitCode called = session.call(request, response);
  if (called != ExitCode::kOk) return called;
  for (const v1::Strike& strike : response.struck()) {
    fmt::print(session.err(), "struck: pool {} of route {} for class {}, by Guardrail/{}\n",
               strike.pool(), strike.route(), strike.client_class(), strike.guardrail());
  }
  std::vector<Selected> selected;
  const ExitCode found = select(session, target, response.policy(), selected);
  if (found != ExitCode::kOk) return found;
  // How far rollouts are now says nothing about an older revision.
  v1::ListRolloutsResponse statuses;
  const bool shows_rollouts =
      (options.format == Format::kTable || options.format == Format::kWide) &&
      std::any_of(selected.begin(), selected.end(), [](const Selected& one) {
        return std::string_view(one.kind->name) == "Rollout" && !one.objects.empty();
      });
  if (shows_rollouts && options.revision == 0) {
    const ExitCode listed = session.call(v1::ListRolloutsRequest(), statuses);
    if (listed != ExitCode::kOk) return listed;
  }
  if (options.format == Format::kJson) {
    print_json(session, target, selected, response);
  } else if (options.format == Format::kYaml) {
    print_policy(session, selected);
  } else {
    print_tables(session, target, selected, response, statuses, options.format);
  }
  return ExitCode::kOk;
}

// `name` is "POOL/NAME" or "NAME".
std::pair<std::string, std::string> split_backend(const std::string& name) {
  const size_t slash = name.find('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

// What every node says about every backend, each with the node's name.
Document backends_document(const v1::ListNodesResponse& nodes, const std::string& pool,
                           const std::string& name) {
  Document items = Document::list();
  for (const v1::NodeEntry& node : nodes.nodes()) {
    for (const v1::BackendStatus& backend : node.status().backends()) {
      const bool is_wanted =
          (pool.empty() || backend.pool() == pool) && (name.empty() || backend.backend() == name);
      if (!is_wanted) continue;
      Document item = document_of(backend);
      item.add("node", Document::text(node.name()));
      items.append(std::move(item));
    }
  }
  Document document = Document::object();
  document.add("items", std::move(items));
  return document;
}

void print_backend_names(Session& session, const v1::Policy& policy, const std::string& pool,
                         const std::string& name) {
  for (const v1::Pool& owner : policy.pools()) {
    if (!pool.empty() && owner.metadata().name() != pool) continue;
    for (const v1::Backend& backend : owner.spec().backends()) {
      if (!name.empty() && backend.name() != name) continue;
      fmt::print(session.out(), "backend/{}/{}\n", owner.metadata().name(), backend.name());
    }
  }
}

ExitCode get_backends(Session& session, const GetOptions& options, const Target& target) {
  v1::GetPolicyResponse policy;
  ExitCode code = session.call(v1::GetPolicyRequest(), policy);
  if (code != ExitCode::kOk) return code;
  v1::ListNodesResponse nodes;
  code = session.call(v1::ListNodesRequest(), nodes);
  if (code != ExitCode::kOk) return code;

  const auto [pool, name] = split_backend(target.name);
  const TextTable table =
      backends_table(policy.policy(), nodes, pool, name, session.invocation().clock());
  if (!target.name.empty() && table.empty()) {
    return session.fail(ExitCode::kNotFound, "there is no backend " + target.name);
  }
  if (is_document(options.format)) {
    print_document(session.out(), options.format, backends_document(nodes, pool, name));
  } else if (options.format == Format::kName) {
    print_backend_names(session, policy.policy(), pool, name);
  } else {
    table.print(session.out(), session.palette());
  }
  return ExitCode::kOk;
}

ExitCode get(Session& session, const GetOptions& options) {
  const absl::StatusOr<Target> target = parse_target(options.words);
  if (!target.ok()) return session.fail(ExitCode::kUsage, target.status());
  const bool is_of_policy = target->what == TargetKind::kPolicy || target->what == TargetKind::kAll;
  if (!is_of_policy && options.revision != 0) {
    return session.fail(ExitCode::kUsage, "--revision is for the policy; nodes tell what is now");
  }
  switch (target->what) {
    case TargetKind::kBackends:
      return get_backends(session, options, *target);
    case TargetKind::kNodes:
      return show_nodes(session, options.format, target->name);
    case TargetKind::kChanges:
      return show_changes(session, options.format, target->name);
    case TargetKind::kRecalls:
      return show_recalls(session, options.format);
    default:
      return get_policy(session, options, *target);
  }
}

}  // namespace

void add_get(Verbs& verbs) {
  const auto options = std::make_shared<GetOptions>();
  CLI::App& verb = verbs.add(
      "get", "List objects of the policy, backends, nodes, changes or recalls",
      "sluice get pools\n  sluice get all -o yaml > policy.yaml", [options](Session& session) {
        return watch(session, options->watch, [&] { return get(session, *options); });
      });
  verb.add_option(
          "target", options->words,
          "KIND, KIND NAME or KIND/NAME; all for every object; backends, nodes, changes, recalls")
      ->required()
      ->expected(1, 2);
  verb.add_option("--revision", options->revision, "As of this revision; default the newest")
      ->check(positive());
  add_watch(verb, options->watch);
  add_format(verb, options->format,
             {Format::kTable, Format::kWide, Format::kJson, Format::kYaml, Format::kName});
}

}  // namespace sluice::controlplane::cli
