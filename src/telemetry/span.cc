#include "telemetry/span.h"

namespace acloud::telemetry {
namespace {

constexpr std::size_t kAttributes = 128;  // OpenTelemetry's own limit
constexpr std::size_t kLinks = 16;

std::size_t bytes_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->size();
  std::size_t bytes = 0;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& text : *texts) bytes += sizeof text + text.size();
  }
  return bytes;
}

std::uint64_t new_id(Random& random) {
  for (;;) {
    if (const std::uint64_t id = random.next(); id != 0) return id;
  }
}

}  // namespace

std::string cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  text.resize(most);
  return text;
}

std::size_t FinishedSpan::bytes() const {
  std::size_t bytes = sizeof(FinishedSpan) + name.size() + context.state.size();
  for (const Attribute& each : attributes) bytes += sizeof each + bytes_of(each.value);
  return bytes + links.size() * sizeof(TraceContext);
}

Span Scope::begin(std::string_view name, SpanKind kind) const {
  if (tracer != nullptr) return tracer->begin(context, name, kind);
  Span span;
  span.context_ = context;
  return span;
}

Span Tracer::begin(const TraceContext& parent, std::string_view name, SpanKind kind) {
  Span span;
  span.tracer_ = this;
  span.context_ = parent;
  span.context_.span = new_id(random_);
  if (!parent.valid()) {
    span.context_.trace_high = new_id(random_);
    span.context_.trace_low = new_id(random_);
    span.context_.state.clear();
    span.context_.sampled = is_sampled(span.context_, ratio_);
  }
  if (!span.context_.sampled) return span;
  span.began_ = clock_.instant();
  span.made_ = std::make_unique<FinishedSpan>();
  span.made_->parent = parent.valid() ? parent.span : 0;
  span.made_->parent_is_remote = parent.valid() && kind == SpanKind::server;
  span.made_->name = cut(std::string(name), Span::kTextBytes);
  span.made_->kind = kind;
  span.made_->began = clock_.now();
  return span;
}

Span Tracer::begin_named(const TraceContext& self, std::string_view name, Time began) {
  Span span;
  span.tracer_ = this;
  span.context_ = self;
  if (!self.sampled) return span;
  span.began_ = clock_.instant() - std::max(Duration(clock_.now() - began), Duration(0));
  span.made_ = std::make_unique<FinishedSpan>();
  span.made_->name = cut(std::string(name), Span::kTextBytes);
  span.made_->began = began;
  return span;
}

Span& Span::operator=(Span&& other) noexcept {
  if (this == &other) return *this;
  end();
  tracer_ = other.tracer_;
  context_ = std::move(other.context_);
  made_ = std::move(other.made_);
  began_ = other.began_;
  return *this;
}

void Span::set(std::string_view key, Value value) {
  if (!made_ || made_->attributes.size() >= kAttributes) return;
  if (auto* text = std::get_if<std::string>(&value)) *text = cut(std::move(*text), kTextBytes);
  made_->attributes.push_back({key, std::move(value)});
}

void Span::set_content(std::string_view key, std::string text) {
  if (!made_ || made_->attributes.size() >= kAttributes) return;
  made_->attributes.push_back({key, cut(std::move(text), kContentBytes)});
}

void Span::link(const TraceContext& other) {
  if (made_ && made_->links.size() < kLinks) made_->links.push_back(other);
}

void Span::fail(std::string_view type) {
  if (!made_) return;
  made_->failed = true;
  set("error.type", std::string(type));
}

void Span::end() {
  if (!made_) return;
  made_->took = std::max(Duration(tracer_->clock_.instant() - began_), Duration(0));
  made_->context = context_;
  tracer_->sink_.take(std::move(*made_));
  made_.reset();
}

}  // namespace acloud::telemetry
