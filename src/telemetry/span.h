// Spans: what was done, from when to when, below what. A Span ends when it goes out of scope, and is then
// handed to whoever sends it; nothing here waits, fails or blocks.
//
//   telemetry::Span span = scope.begin("chat qwen-max", SpanKind::client);
//   span.set("gen_ai.request.model", model);
//   ... what happens inside gets span.inside()
//
// A scope without a tracer, and a trace that is not sampled, make spans that record nothing; they still say
// what is passed on to others.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "telemetry/trace.h"

namespace acloud::telemetry {

enum class SpanKind { internal = 1, server = 2, client = 3 };  // OTLP's numbers

using Value = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>>;
struct Attribute {
  std::string_view key;  // a literal
  Value value;
};

struct FinishedSpan {
  TraceContext context;
  std::uint64_t parent = 0;  // 0: it has none
  bool parent_is_remote = false;
  std::string name;
  SpanKind kind = SpanKind::internal;
  Time began{};
  Duration took{};
  std::vector<Attribute> attributes;
  std::vector<TraceContext> links;
  bool failed = false;

  // About how much memory it takes.
  std::size_t bytes() const;
};

// Where spans go when they have ended. Thread-safe, and never waits.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void take(FinishedSpan span) noexcept = 0;
};

class Span;

class Tracer {
 public:
  // `ratio`: the share of the traces that begin here which is kept. All outlive the tracer.
  Tracer(SpanSink& sink, Clock& clock, Random& random, double ratio)
      : sink_(sink), clock_(clock), random_(random), ratio_(ratio) {}

  // A span below `parent`, kept where that is; where it is not valid, one that begins a trace.
  Span begin(const TraceContext& parent, std::string_view name, SpanKind kind);
  // The span of a thing that has its own trace: see trace_named(). It began at `began`.
  Span begin_named(const TraceContext& self, std::string_view name, Time began);
  double ratio() const { return ratio_; }

 private:
  friend class Span;
  SpanSink& sink_;
  Clock& clock_;
  Random& random_;
  const double ratio_;
};

// Where spans begin: what they are below, and who keeps them.
struct Scope {
  Tracer* tracer = nullptr;  // null: nobody
  TraceContext context;
  Span begin(std::string_view name, SpanKind kind) const;
};

// Of one task at a time.
class Span {
 public:
  static constexpr std::size_t kTextBytes = 1024;  // of an attribute: what is longer is cut
  static constexpr std::size_t kContentBytes = 64 * 1024;

  Span() = default;
  Span(Span&& other) noexcept = default;
  Span& operator=(Span&& other) noexcept;
  ~Span() { end(); }

  // False where nothing is kept of it: then don't bother to make attributes.
  bool recording() const { return made_ != nullptr; }
  // For what happens inside of it.
  Scope inside() const { return {tracer_, context_}; }
  const TraceContext& context() const { return context_; }

  // REQUIRES: `key` is a literal, and not set before.
  void set(std::string_view key, Value value);
  // For what people have said, which is longer.
  void set_content(std::string_view key, std::string text);
  void link(const TraceContext& other);
  // It did not do what it should. `type`: one of few words, such as an error's code; never an error's
  // message, which may hold what people have said.
  void fail(std::string_view type);
  // Once; later calls do nothing.
  void end();

 private:
  friend class Tracer;
  friend struct Scope;
  Tracer* tracer_ = nullptr;
  TraceContext context_;
  std::unique_ptr<FinishedSpan> made_;
  Instant began_{};
};

// `text` without what goes beyond `most` bytes, cut between two characters.
std::string cut(std::string text, std::size_t most);

}  // namespace acloud::telemetry
