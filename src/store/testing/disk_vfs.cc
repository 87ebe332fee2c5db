// The interface is sqlite.org/c3ref/vfs.html; what each method owes SQLite is in sqlite3.h beside it.
#include "store/testing/disk_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>

#include "store/testing/disk_vfs_locks.h"

namespace acloud::store::testing {
namespace {

// What the connections to one path share.
struct Shared {
  FileLocks locks;
  SharedIndex index;
};

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// A full disk is an answer of its own, from which SQLite recovers; all else is `io_error`.
int to_code(const Error& error, int io_error) {
  return error.code() == ErrorCode::unavailable ? SQLITE_FULL : io_error;
}
int to_code(const Result<>& result, int io_error) {
  return result ? SQLITE_OK : to_code(result.error(), io_error);
}

}  // namespace

struct DiskVfs::Impl {
  // SQLite gives the room for it, and calls xClose before it takes that back.
  struct OpenFile : sqlite3_file {
    Impl* vfs = nullptr;
    std::unique_ptr<File> file;
    std::shared_ptr<Shared> shared;  // with the other connections to the same path
    std::string path;
    bool delete_on_close = false;
    // With the next sync, since the name may be new. Of every connection that opens a journal: who made it
    // need not be who syncs it first.
    bool sync_folder = false;
  };

  Disk& disk;
  std::string name;
  sqlite3_vfs vfs{};
  std::mutex mutex{};  // of all that connections share
  std::map<std::string, std::weak_ptr<Shared>> paths{};
  std::atomic<std::uint64_t> temporaries{0};

  std::shared_ptr<Shared> shared(const std::string& path) {
    const std::lock_guard lock(mutex);
    auto& weak = paths[path];
    auto found = weak.lock();
    if (!found) weak = found = std::make_shared<Shared>();
    return found;
  }

  static OpenFile& of(sqlite3_file* file) { return *static_cast<OpenFile*>(file); }
  static Impl& of(sqlite3_vfs* vfs) { return *static_cast<Impl*>(vfs->pAppData); }

  // -- files ------------------------------------------------------------------------------------------

  static int close(sqlite3_file* raw) {
    OpenFile& file = of(raw);
    {
      const std::lock_guard lock(file.vfs->mutex);
      file.shared->locks.unlock(raw, SQLITE_LOCK_NONE);
    }
    if (file.delete_on_close) (void)file.vfs->disk.remove(file.path);
    file.~OpenFile();
    return SQLITE_OK;
  }

  static int read(sqlite3_file* raw, void* into, int size, sqlite3_int64 offset) {
    const auto bytes = of(raw).file->read(static_cast<std::uint64_t>(offset), static_cast<std::size_t>(size));
    if (!bytes) return SQLITE_IOERR_READ;
    std::memcpy(into, bytes->data(), bytes->size());
    std::memset(static_cast<char*>(into) + bytes->size(), 0, static_cast<std::size_t>(size) - bytes->size());
    return bytes->size() == static_cast<std::size_t>(size) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* raw, const void* from, int size, sqlite3_int64 offset) {
    const std::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(size));
    return to_code(of(raw).file->write(static_cast<std::uint64_t>(offset), bytes), SQLITE_IOERR_WRITE);
  }

  static int truncate(sqlite3_file* raw, sqlite3_int64 size) {
    return to_code(of(raw).file->truncate(static_cast<std::uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
  }

  static int sync(sqlite3_file* raw, int) {
    OpenFile& file = of(raw);
    if (const auto synced = file.file->sync(); !synced) return to_code(synced, SQLITE_IOERR_FSYNC);
    if (!file.sync_folder) return SQLITE_OK;
    const auto synced = file.vfs->disk.sync_folder(folder_of(file.path));
    if (synced) file.sync_folder = false;
    return to_code(synced, SQLITE_IOERR_DIR_FSYNC);
  }

  static int size(sqlite3_file* raw, sqlite3_int64* size) {
    const auto bytes = of(raw).file->size();
    if (!bytes) return SQLITE_IOERR_FSTAT;
    *size = static_cast<sqlite3_int64>(*bytes);
    return SQLITE_OK;
  }

  static int lock(sqlite3_file* raw, int level) {
    const std::lock_guard lock(of(raw).vfs->mutex);
    return of(raw).shared->locks.lock(raw, level);
  }

  static int unlock(sqlite3_file* raw, int level) {
    const std::lock_guard lock(of(raw).vfs->mutex);
    of(raw).shared->locks.unlock(raw, level);
    return SQLITE_OK;
  }

  static int check_reserved(sqlite3_file* raw, int* reserved) {
    const std::lock_guard lock(of(raw).vfs->mutex);
    *reserved = of(raw).shared->locks.reserved();
    return SQLITE_OK;
  }

  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file*) { return 4096; }
  static int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static int map_index(sqlite3_file* raw, int region, int bytes, int extend, void volatile** address) {
    const std::lock_guard lock(of(raw).vfs->mutex);
    SharedIndex& index = of(raw).shared->index;
    index.add_user(raw);
    *address = index.map(static_cast<std::size_t>(region), static_cast<std::size_t>(bytes), extend != 0);
    return SQLITE_OK;
  }

  static int lock_index(sqlite3_file* raw, int first, int count, int flags) {
    const std::lock_guard lock(of(raw).vfs->mutex);
    return of(raw).shared->index.lock(raw, first, count, flags);
  }

  static void index_barrier(sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); }

  static int unmap_index(sqlite3_file* raw, int) {
    const std::lock_guard lock(of(raw).vfs->mutex);
    of(raw).shared->index.remove_user(raw);
    return SQLITE_OK;
  }

  // -- the VFS ----------------------------------------------------------------------------------------

  static int open(sqlite3_vfs* raw, const char* name, sqlite3_file* into, int flags, int* out_flags) {
    static const sqlite3_io_methods kMethods = {
        .iVersion = 2,
        .xClose = close,
        .xRead = read,
        .xWrite = write,
        .xTruncate = truncate,
        .xSync = sync,
        .xFileSize = size,
        .xLock = lock,
        .xUnlock = unlock,
        .xCheckReservedLock = check_reserved,
        .xFileControl = control,
        .xSectorSize = sector_size,
        .xDeviceCharacteristics = characteristics,
        .xShmMap = map_index,
        .xShmLock = lock_index,
        .xShmBarrier = index_barrier,
        .xShmUnmap = unmap_index,
        .xFetch = nullptr,
        .xUnfetch = nullptr,
    };
    Impl& vfs = of(raw);
    into->pMethods = nullptr;  // so that SQLite does not close what did not open
    const std::string path = name ? name : fmt::format("/.sqlite-{}", ++vfs.temporaries);
    const bool creates = flags & SQLITE_OPEN_CREATE;
    const auto mode = (flags & SQLITE_OPEN_EXCLUSIVE)  ? Disk::Open::create_new
                      : creates                        ? Disk::Open::create
                      : (flags & SQLITE_OPEN_READONLY) ? Disk::Open::read
                                                       : Disk::Open::write;
    auto file = vfs.disk.open(path, mode);
    if (!file) return to_code(file.error(), SQLITE_CANTOPEN);
    auto* opened = new (into) OpenFile{};
    opened->vfs = &vfs;
    opened->file = *std::move(file);
    opened->shared = vfs.shared(path);
    opened->path = path;
    opened->delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE;
    constexpr int kJournals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    opened->sync_folder = creates && (flags & kJournals);
    opened->pMethods = &kMethods;
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* raw, const char* name, int sync_folder) {
    Disk& disk = of(raw).disk;
    const auto removed = disk.remove(name);
    if (!removed && removed.error().code() == ErrorCode::not_found) return SQLITE_IOERR_DELETE_NOENT;
    if (!removed) return to_code(removed, SQLITE_IOERR_DELETE);
    return sync_folder ? to_code(disk.sync_folder(folder_of(name)), SQLITE_IOERR_DIR_FSYNC) : SQLITE_OK;
  }

  static int access(sqlite3_vfs* raw, const char* name, int, int* answer) {
    const auto there = of(raw).disk.exists(name);
    if (!there) return SQLITE_IOERR_ACCESS;
    *answer = *there;
    return SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* name, int size, char* into) {
    sqlite3_snprintf(size, into, "%s", name);
    return std::strlen(name) < static_cast<std::size_t>(size) ? SQLITE_OK : SQLITE_CANTOPEN;
  }

  static int last_error(sqlite3_vfs*, int, char*) { return 0; }
};

DiskVfs::DiskVfs(Disk& disk) : impl_(new Impl{.disk = disk, .name = {}}) {
  static std::atomic<std::uint64_t> next{0};  // SQLite knows VFSes by name, for the whole process
  impl_->name = fmt::format("acloud-disk-{}", ++next);
  // Time, randomness and sleep are the machine's.
  impl_->vfs = *sqlite3_vfs_find(nullptr);
  sqlite3_vfs& vfs = impl_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(Impl::OpenFile);
  vfs.mxPathname = 1024;
  vfs.pNext = nullptr;
  vfs.zName = impl_->name.c_str();
  vfs.pAppData = impl_.get();
  vfs.xOpen = Impl::open;
  vfs.xDelete = Impl::remove;
  vfs.xAccess = Impl::access;
  vfs.xFullPathname = Impl::full_path;
  vfs.xGetLastError = Impl::last_error;
  sqlite3_vfs_register(&vfs, 0);
}

DiskVfs::~DiskVfs() { sqlite3_vfs_unregister(&impl_->vfs); }

const std::string& DiskVfs::name() const { return impl_->name; }

}  // namespace acloud::store::testing
