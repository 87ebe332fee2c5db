// How a crash is made. Everything that a sync makes durable on its own (a sector, a size, a name) is kept as
// its History: the durable state, then every state since. A reader sees the last, a sync forgets all but
// the last, and a crash picks any. That is harsher than any one file system, so what holds here holds there.
#include "store/testing/simulated_disk.h"

#include <cerrno>

namespace acloud::store::testing {
namespace {

constexpr std::uint64_t kSector = 512;

// How much of what was not synced a crash keeps. Tried apart, since picking each state on its own would
// nearly never keep all or lose all.
enum class Luck { loses_all, keeps_all, mixed };
Luck draw_luck(Random& random) { return static_cast<Luck>(random.below(3)); }

template <class T>
class History {
 public:
  explicit History(T durable) : states_{std::move(durable)} {}
  const T& now() const { return states_.back(); }
  void set(T state) {
    states_.push_back(std::move(state));
    dirty_ = true;
  }
  void sync() {
    if (!dirty_) return;
    states_.erase(states_.begin(), states_.end() - 1);
    dirty_ = false;
  }
  // The kernel takes the state for written from now on, so that no later sync writes it either.
  void fail_to_sync() { dirty_ = false; }
  const T& pick(Luck luck, Random& random) const {
    if (luck == Luck::loses_all) return states_.front();
    if (luck == Luck::keeps_all) return states_.back();
    return states_[random.below(states_.size())];
  }

 private:
  std::vector<T> states_;
  bool dirty_ = false;
};

bool takes_effect(Fault fault) {
  return fault == Fault::none || fault == Fault::late || fault == Fault::crash;
}

std::unexpected<Error> failure(Fault fault, std::string_view call, const std::string& path) {
  return fail_errno(fault == Fault::full ? ENOSPC : EIO, fmt::format("{} {}", call, path));
}

Result<> outcome(Fault fault, std::string_view call, const std::string& path) {
  if (fault == Fault::none) return {};
  return failure(fault, call, path);
}

// Calls `use` with the name and the value of each path that is directly in `folder`.
template <class Map, class Use>
void for_each_in(Map& paths, const std::string& folder, Use use) {
  const std::string prefix = folder + "/";
  for (auto it = paths.lower_bound(prefix); it != paths.end() && it->first.starts_with(prefix); ++it) {
    const std::string_view name = std::string_view(it->first).substr(prefix.size());
    if (!name.contains('/')) use(name, it->second);
  }
}

std::string parent(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

std::string_view name(Fault fault) {
  constexpr std::string_view kNames[] = {"none", "io_error", "full", "torn", "late", "crash"};
  return kNames[static_cast<std::size_t>(fault)];
}

// A file's content, or a folder.
struct SimulatedDisk::Node {
  bool folder = false;
  Time modified{};
  History<std::uint64_t> size{0};
  std::map<std::uint64_t, History<std::string>> sectors;  // those that were ever written, by number

  std::string read(std::uint64_t offset, std::size_t length) const {
    std::string bytes;
    const std::uint64_t end = std::min(size.now(), offset + length);
    for (std::uint64_t at = offset; at < end;) {
      const std::uint64_t within = at % kSector;
      const auto take = static_cast<std::size_t>(std::min(kSector - within, end - at));
      const auto found = sectors.find(at / kSector);
      bytes += found == sectors.end() ? std::string(take, '\0') : found->second.now().substr(within, take);
      at += take;
    }
    return bytes;
  }

  void write(std::uint64_t offset, std::string_view bytes) {
    if (offset > size.now()) resize(offset);
    if (offset + bytes.size() > size.now()) resize(offset + bytes.size());
    overwrite(offset, bytes);
  }

  // Shrinking leaves the sectors as they are, since a file system changes the size in one step; growing
  // clears what an earlier, larger size has left in them.
  void resize(std::uint64_t bytes) {
    const std::uint64_t old = size.now();
    size.set(bytes);
    for (auto it = sectors.lower_bound(old / kSector); it != sectors.end() && it->first * kSector < bytes;
         ++it) {
      const std::uint64_t keep = it->first * kSector < old ? old - it->first * kSector : 0;
      std::string cleared = it->second.now();
      std::fill(cleared.begin() + static_cast<std::ptrdiff_t>(keep), cleared.end(), '\0');
      if (cleared != it->second.now()) it->second.set(std::move(cleared));
    }
  }

  void sync() {
    size.sync();
    for (auto& [number, sector] : sectors) sector.sync();
  }

  // The size is metadata: a file system keeps that in its journal until it is written, or stops for good.
  void fail_to_sync() {
    for (auto& [number, sector] : sectors) sector.fail_to_sync();
  }

  std::shared_ptr<Node> after_crash(Random& random) const {
    const Luck luck = draw_luck(random);
    auto found = std::make_shared<Node>();
    found->folder = folder;
    found->modified = modified;
    found->size = History(size.pick(luck, random));
    for (const auto& [number, sector] : sectors) {
      found->sectors.emplace(number, History(sector.pick(luck, random)));
    }
    return found;
  }

 private:
  void overwrite(std::uint64_t offset, std::string_view bytes) {
    while (!bytes.empty()) {
      const std::uint64_t within = offset % kSector;
      const auto take = std::min<std::size_t>(kSector - within, bytes.size());
      auto& sector = sectors.try_emplace(offset / kSector, std::string(kSector, '\0')).first->second;
      std::string changed = sector.now();
      changed.replace(within, take, bytes.substr(0, take));
      sector.set(std::move(changed));
      bytes.remove_prefix(take);
      offset += take;
    }
  }
};

// What a path stands for; null where nothing is there. Nodes are shared with the files that are open.
struct SimulatedDisk::Name {
  History<std::shared_ptr<Node>> node{nullptr};
};

class SimulatedDisk::OpenFile final : public File {
 public:
  OpenFile(SimulatedDisk& disk, std::shared_ptr<Node> node, std::string path, bool writable)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)), writable_(writable) {}

  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    ACLOUD_CHECK(outcome(disk_.next_call(), "read", path_));
    return node_->read(offset, size);
  }

  Result<> write(std::uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    const Fault fault = disk_.next_call();
    if (!writable_) return fail_errno(EBADF, "write " + path_);
    if (fault == Fault::torn) node_->write(offset, bytes.substr(0, bytes.size() / 2));
    if (takes_effect(fault)) node_->write(offset, bytes);
    return outcome(fault, "write", path_);
  }

  Result<> truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    const Fault fault = disk_.next_call();
    if (!writable_) return fail_errno(EBADF, "truncate " + path_);
    if (takes_effect(fault)) node_->resize(size);
    return outcome(fault, "truncate", path_);
  }

  Result<std::uint64_t> size() override {
    const std::lock_guard lock(disk_.mutex_);
    ACLOUD_CHECK(outcome(disk_.next_call(), "stat", path_));
    return node_->size.now();
  }

  Result<> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    const Fault fault = disk_.next_call();
    if (disk_.lies_) return outcome(fault, "sync", path_);
    if (fault == Fault::none || fault == Fault::late) {
      node_->sync();
    } else if (fault != Fault::crash) {
      node_->fail_to_sync();
    }
    return outcome(fault, "sync", path_);
  }

 private:
  SimulatedDisk& disk_;
  std::shared_ptr<Node> node_;
  std::string path_;
  bool writable_;
};

SimulatedDisk::SimulatedDisk() = default;
SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::plant(Fault fault, std::uint64_t call) {
  const std::lock_guard lock(mutex_);
  planted_ = fault;
  strikes_at_ = calls_ + call;
  struck_ = false;
}

void SimulatedDisk::lie_about_syncs() {
  const std::lock_guard lock(mutex_);
  lies_ = true;
}

bool SimulatedDisk::struck() const {
  const std::lock_guard lock(mutex_);
  return struck_;
}

std::uint64_t SimulatedDisk::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

// Counts a call and says what becomes of it.
Fault SimulatedDisk::next_call() {
  if (stopped_) return Fault::io_error;
  if (++calls_ != strikes_at_ || planted_ == Fault::none) return Fault::none;
  struck_ = true;
  stopped_ = planted_ == Fault::crash;
  return planted_;
}

std::shared_ptr<SimulatedDisk::Node> SimulatedDisk::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second.node.now();
}

void SimulatedDisk::bind(const std::string& path, std::shared_ptr<Node> node) {
  names_[path].node.set(std::move(node));
}

bool SimulatedDisk::has_parent(const std::string& path) const {
  const std::string above = parent(path);
  if (above.empty()) return true;
  const auto node = find(above);
  return node && node->folder;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::after_crash(std::uint64_t seed) const {
  const std::lock_guard lock(mutex_);
  SeededRandom random(seed);
  auto found = std::make_unique<SimulatedDisk>();
  std::map<const Node*, std::shared_ptr<Node>> survivors;  // a node with two names stays one
  const Luck luck = draw_luck(random);
  // In the order of paths, a folder comes before what is in it.
  for (const auto& [path, name] : names_) {
    const auto& node = name.node.pick(luck, random);
    if (!node || !found->has_parent(path)) continue;
    auto& survivor = survivors[node.get()];
    if (!survivor) survivor = node->after_crash(random);
    found->names_[path].node = History(survivor);
  }
  return found;
}

Result<std::unique_ptr<File>> SimulatedDisk::open(const std::string& path, Open mode) {
  const std::lock_guard lock(mutex_);
  const Fault fault = next_call();
  auto node = find(path);
  const bool creates = mode == Open::create || mode == Open::create_new;
  if (!takes_effect(fault)) return failure(fault, "open", path);
  if (node && mode == Open::create_new) return fail(ErrorCode::conflict, "open {}: it exists already", path);
  if (!node && !(creates && has_parent(path))) return fail_errno(ENOENT, "open " + path);
  if (node && node->folder) return fail_errno(EISDIR, "open " + path);
  if (!node) bind(path, node = std::make_shared<Node>());
  if (fault != Fault::none) return failure(fault, "open", path);
  return std::make_unique<OpenFile>(*this, std::move(node), path, mode != Open::read);
}

Result<> SimulatedDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  const Fault fault = next_call();
  const auto node = find(from);
  if (!node || node->folder || !has_parent(to)) return fail_errno(ENOENT, "rename " + from);
  if (takes_effect(fault)) {
    bind(to, node);
    bind(from, nullptr);
  }
  return outcome(fault, "rename", from);
}

Result<> SimulatedDisk::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Fault fault = next_call();
  const auto node = find(path);
  if (!node || node->folder) return fail_errno(node ? EISDIR : ENOENT, "remove " + path);
  if (takes_effect(fault)) bind(path, nullptr);
  return outcome(fault, "remove", path);
}

Result<> SimulatedDisk::make_folders(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Fault fault = next_call();
  for (std::size_t end = 0; takes_effect(fault) && end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string folder = path.substr(0, end);
    const auto node = find(folder);
    if (node && !node->folder) return fail_errno(ENOTDIR, "make folder " + folder);
    if (node) continue;
    auto made = std::make_shared<Node>();
    made->folder = true;
    bind(folder, std::move(made));
  }
  return outcome(fault, "make folder", path);
}

Result<std::vector<std::string>> SimulatedDisk::list(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ACLOUD_CHECK(outcome(next_call(), "list", path));
  if (!has_parent(path + "/")) return fail_errno(ENOENT, "list " + path);
  std::vector<std::string> names;
  for_each_in(names_, path, [&](std::string_view file, const Name& name) {
    if (name.node.now()) names.emplace_back(file);
  });
  return names;
}

Result<bool> SimulatedDisk::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ACLOUD_CHECK(outcome(next_call(), "stat", path));
  return find(path) != nullptr;
}

Result<> SimulatedDisk::sync_folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const Fault fault = next_call();
  const std::string folder = path == "/" ? "" : path;
  if (!has_parent(folder + "/")) return fail_errno(ENOENT, "sync folder " + path);
  for_each_in(names_, folder, [&](std::string_view, Name& name) {
    if (!lies_ && (fault == Fault::none || fault == Fault::late)) name.node.sync();
  });
  return outcome(fault, "sync folder", path);
}

Result<Time> SimulatedDisk::modified(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ACLOUD_CHECK(outcome(next_call(), "stat", path));
  const auto node = find(path);
  if (!node) return fail_errno(ENOENT, "stat " + path);
  return node->modified;
}

Result<> SimulatedDisk::touch(const std::string& path, Time now) {
  const std::lock_guard lock(mutex_);
  const Fault fault = next_call();
  const auto node = find(path);
  if (!node) return fail_errno(ENOENT, "touch " + path);
  if (takes_effect(fault)) node->modified = now;
  return outcome(fault, "touch", path);
}

}  // namespace acloud::store::testing
