#include "inference/context_cache/kept_states.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>

#include "base/encoding.h"
#include "base/log.h"
#include "inference/context_cache/reading_cost.h"
#include "inference/context_cache/state_file.h"

namespace acloud::inference {
namespace {

constexpr std::string_view kSuffix = ".state";
constexpr std::string_view kPart = ".part";
constexpr std::size_t kMostFiles = 10'000;
constexpr std::int64_t kLargest = 512LL << 20U;  // a state: it is copied between two steps of the engine
constexpr std::int64_t kLeftFree = 1LL << 30U;
constexpr std::chrono::seconds kQuiet{30};
constexpr std::size_t kModelDigits = 16;
constexpr std::size_t kNameDigits = kModelDigits + 1 + 16;  // model-kind

std::string model_digits(std::string_view model) { return to_hex(sha256(model)).substr(0, kModelDigits); }

// "MODEL-KIND-ID.state" in parts.
struct FileName {
  std::string name;
  std::uint64_t id = 0;
};

std::optional<FileName> parse_name(std::string_view file) {
  if (!file.ends_with(kSuffix) || file.size() != kNameDigits + 1 + 16 + kSuffix.size()) return std::nullopt;
  FileName parsed{.name = std::string(file.substr(0, kNameDigits))};
  const char* const first = file.data() + kNameDigits + 1;
  const auto [end, error] = std::from_chars(first, first + 16, parsed.id, 16);
  if (error != std::errc() || end != first + 16 || file[kNameDigits] != '-') return std::nullopt;
  return parsed;
}

}  // namespace

// A piece of work on a thread of the pool. It deletes itself.
class KeptStates::Work final : public async::BlockingPool::Job {
 public:
  explicit Work(std::function<void()> work) : work_(std::move(work)) {}
  void run() noexcept override {
    work_();
    delete this;
  }

 private:
  std::function<void()> work_;
};

std::int64_t KeptStates::bytes_left(const std::string& folder) {
  struct statvfs status{};
  if (::statvfs(folder.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>(status.f_bavail * status.f_frsize);
}

KeptStates::KeptStates(store::Disk& disk, const Clock& clock, Options options)
    : disk_(disk), clock_(clock), options_(std::move(options)), quiet_until_(clock.instant()) {}

KeptStates::~KeptStates() = default;

std::string KeptStates::path(const std::string& name, Id id) const {
  return fmt::format("{}/{}-{:016x}{}", options_.folder, name, id, kSuffix);
}

void KeptStates::submit(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    ++working_;
  }
  threads_.submit(*new Work([this, work = std::move(work)] {
    work();
    const std::lock_guard lock(mutex_);
    --working_;
    idle_.notify_all();
  }));
}

// --- What lies there. ---

void KeptStates::open(std::span<const std::string> models) {
  const Result<std::vector<std::string>> files = disk_.list(options_.folder);
  if (!files) {
    if (files.error().code() != ErrorCode::not_found)
      log::warn("states of prompts are not read", {{"error", files.error().message()}});
    return;
  }
  std::vector<std::string> names;
  for (const std::string& model : models) names.push_back(model_digits(model));
  // As they were used.
  std::vector<std::pair<Time, std::string>> order;
  for (const std::string& file : *files)
    order.emplace_back(disk_.modified(fmt::format("{}/{}", options_.folder, file)).value_or(Time()), file);
  std::ranges::sort(order);
  for (const auto& [when, file] : order) take_in(file, names);
  if (const auto fits = make_room(0); !fits)
    log::warn("states of prompts have more bytes than they may", {{"error", fits.error().message()}});
}

void KeptStates::take_in(const std::string& file, std::span<const std::string> names) {
  const std::string place = fmt::format("{}/{}", options_.folder, file);
  const std::optional<FileName> parsed = parse_name(file);
  const bool ours = parsed && std::ranges::find(names, parsed->name.substr(0, kModelDigits)) != names.end();
  if (ours) {
    const auto opened = disk_.open(place, store::Disk::Open::read);
    Result<StateLabel> label = opened ? read_label(**opened) : std::unexpected(opened.error());
    // The file's name begins as the kind that it says it has.
    const auto bytes = label ? state_file_bytes(label->tokens.size(), label->state_bytes) : 0;
    if (label && bytes <= kLargest &&
        to_hex(label->kind).starts_with(std::string_view(parsed->name).substr(kModelDigits + 1))) {
      const std::lock_guard lock(mutex_);
      ids_ = std::max(ids_, parsed->id);
      if (index_.add(parsed->id, parsed->name, std::move(label->tokens), bytes)) return;
    }
  }
  log::debug("a kept state is removed", {{"file", file}});
  (void)disk_.remove(place);
}

std::optional<KeptStates::Shelf> KeptStates::shelf(const std::string& model, const std::string& kind) {
  if (options_.limit.value <= 0) return std::nullopt;
  const std::string digits = model_digits(model);
  Shelf shelf(*this, digits + '-' + to_hex(kind).substr(0, kNameDigits - kModelDigits - 1), kind);
  std::vector<Id> others;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& other : index_.models()) {
      if (other.starts_with(digits) && other != shelf.name_)
        std::ranges::copy(index_.of(other), std::back_inserter(others));
    }
  }
  for (const Id id : others) drop(id, "of another model file or build");
  return shelf;
}

// REQUIRES: mutex_.
std::int64_t KeptStates::used() const { return index_.bytes() + leaving_ + (writing_ ? writing_->bytes : 0); }

ByteCount KeptStates::bytes() const {
  const std::lock_guard lock(mutex_);
  return {used()};
}

// From then on nobody finds it; its bytes count until its file is removed.
std::optional<KeptStates::Leaving> KeptStates::take_out(Id id) {
  const std::lock_guard lock(mutex_);
  if (!index_.contains(id)) return std::nullopt;
  Leaving leaving{.file = path(index_.model(id), id), .bytes = index_.bytes(id)};
  index_.remove(id);
  leaving_ += leaving.bytes;
  return leaving;
}

void KeptStates::remove(const std::optional<Leaving>& leaving, std::string_view why) {
  if (!leaving) return;
  const Result<> removed = disk_.remove(leaving->file);
  log::debug("a kept state is removed", {{"file", leaving->file}, {"why", why}});
  if (!removed && removed.error().code() != ErrorCode::not_found) return;
  const std::lock_guard lock(mutex_);
  leaving_ -= leaving->bytes;
}

// --- Writing. ---

bool KeptStates::wanted(const std::string& name, std::span<const Token> tokens, std::int64_t bytes,
                        bool now) const {
  if (std::ssize(tokens) < kFewestKept || bytes > kLargest || bytes > options_.limit.value / 2) return false;
  if ((now && writing_) || clock_.instant() < quiet_until_) return false;
  const auto match = index_.longest(name, tokens);
  return !match || std::ssize(tokens) - match->tokens >= kFewestKept;
}

std::optional<KeptStates::Id> KeptStates::begin(const std::string& name, const std::vector<Token>& tokens,
                                                std::int64_t bytes) {
  if (!wanted(name, tokens, bytes, true)) return std::nullopt;
  writing_ = {.id = ++ids_, .name = name, .tokens = tokens, .bytes = bytes};
  return writing_->id;
}

// For what is being written, and then as many bytes more.
Result<> KeptStates::make_room(std::int64_t bytes) {
  for (;;) {
    std::optional<Id> oldest;
    {
      const std::lock_guard lock(mutex_);
      if (used() + bytes <= options_.limit.value && index_.size() < kMostFiles) return {};
      oldest = index_.oldest();
    }
    if (!oldest) return fail(ErrorCode::unavailable, "{}: files can't be removed", options_.folder);
    drop(*oldest, "for newer ones");
  }
}

Result<> KeptStates::write_file(const std::string& path, const Writing& writing, const std::string& kind,
                                std::string_view state) {
  ACLOUD_CHECK(disk_.make_folders(options_.folder));
  ACLOUD_CHECK(make_room(0));
  if (options_.left(options_.folder) - writing.bytes < kLeftFree)
    return fail(ErrorCode::unavailable, "{}: less than {} bytes would be left on the disk", options_.folder,
                kLeftFree);
  ACLOUD_TRY(const auto file, disk_.open(path, store::Disk::Open::create_new));
  ACLOUD_CHECK(write_state(*file, kind, writing.tokens, state));
  return disk_.rename(path, path.substr(0, path.size() - kPart.size()));
}

void KeptStates::write(Id id, const std::string& kind, std::string_view state) {
  Writing writing;
  {
    const std::lock_guard lock(mutex_);
    writing = *writing_;
  }
  const std::string place = path(writing.name, id);
  const Result<> written = write_file(place + std::string(kPart), writing, kind, state);
  bool left = false;  // something of it that can't be removed
  if (!written) {
    for (const std::string& file : {place + std::string(kPart), place}) {
      const Result<> removed = disk_.remove(file);
      left = left || (!removed && removed.error().code() != ErrorCode::not_found);
    }
    log::warn("the state of a prompt is not kept", {{"error", written.error().message()}});
  }
  std::vector<Id> beginnings;
  {
    const std::lock_guard lock(mutex_);
    writing_.reset();
    idle_.notify_all();
    if (left) leaving_ += writing.bytes;
    if (!written) {
      quiet_until_ = clock_.instant() + kQuiet;
      return;
    }
    // A prompt that begins as these do begins as the new one does.
    beginnings = index_.beginnings(writing.name, writing.tokens);
    index_.add(id, writing.name, std::move(writing.tokens), writing.bytes);
  }
  for (const Id beginning : beginnings) drop(beginning, "a longer one begins so");
}

// --- Reading. ---

Result<std::string> KeptStates::read_whole(const std::string& file, std::int64_t bytes,
                                           const std::string& kind, std::span<const Token> tokens) {
  ACLOUD_TRY(const auto opened, disk_.open(file, store::Disk::Open::read));
  ACLOUD_TRY(const std::uint64_t size, opened->size());
  if (size != static_cast<std::uint64_t>(bytes))
    return fail(ErrorCode::invalid_argument, "{} bytes have become {}", bytes, size);
  return read_state(*opened, kind, tokens);
}

Result<KeptStates::Read> KeptStates::read_file(Id id, const std::string& kind) {
  const Instant began = clock_.instant();
  std::string file;
  std::vector<Token> tokens;
  ByteCount bytes;
  {
    const std::lock_guard lock(mutex_);
    if (!index_.contains(id)) return fail(ErrorCode::not_found, "the state is not kept any more");
    file = path(index_.model(id), id);
    tokens = index_.tokens(id);
    bytes.value = index_.bytes(id);
    index_.used(id);
  }
  Result<std::string> state = read_whole(file, bytes.value, kind, tokens);
  if (!state) {
    if (const auto leaving = take_out(id)) {
      log::warn("a kept state is refused", {{"file", file}, {"error", state.error().message()}});
      remove(leaving, "refused");
    }
    return std::unexpected(std::move(state).error());
  }
  (void)disk_.touch(file, clock_.now());
  return Read{.state = *std::move(state), .bytes = bytes, .took = clock_.instant() - began};
}

// --- A model's part. ---

std::optional<PrefixIndex::Match> KeptStates::Shelf::find(std::span<const Token> prompt) const {
  const std::lock_guard lock(states_->mutex_);
  return states_->index_.longest(name_, prompt);
}

bool KeptStates::Shelf::wants(std::span<const Token> tokens, ByteCount bytes, bool now) const {
  const std::lock_guard lock(states_->mutex_);
  return states_->wanted(name_, tokens,
                         state_file_bytes(tokens.size(), static_cast<std::size_t>(bytes.value)), now);
}

void KeptStates::Shelf::keep(std::vector<Token> tokens, std::string state) {
  std::optional<Id> id;
  {
    const std::lock_guard lock(states_->mutex_);
    id = states_->begin(name_, tokens, state_file_bytes(tokens.size(), state.size()));
  }
  if (!id) return;
  states_->submit([states = states_, id = *id, kind = kind_, state = std::move(state)] {
    states->write(id, kind, state);
  });
}

void KeptStates::Shelf::keep_now(std::vector<Token> tokens, std::string state) {
  std::optional<Id> id;
  {
    std::unique_lock lock(states_->mutex_);
    states_->idle_.wait(lock, [this] { return !states_->writing_; });
    id = states_->begin(name_, tokens, state_file_bytes(tokens.size(), state.size()));
  }
  if (id) states_->write(*id, kind_, state);
}

void KeptStates::Shelf::read(Id id, Done done) {
  states_->submit(
      [states = states_, id, kind = kind_, done = std::move(done)] { done(states->read_file(id, kind)); });
}

void KeptStates::Shelf::refuse(Id id) {
  states_->submit([states = states_, id] { states->drop(id, "the engine would not have it"); });
}

void KeptStates::Shelf::wait() {
  std::unique_lock lock(states_->mutex_);
  states_->idle_.wait(lock, [this] { return states_->working_ == 0; });
}

}  // namespace acloud::inference
