// The work of product `object`: values under names, in buckets.
//
// A value of up to kInline bytes lives in its row and is as durable as the row's commit; a larger one is
// streamed to the blob store first, and the row that names it is written when it is on disk. A blob that no
// row names any more is swept.
#pragma once

#include <functional>

#include "kernel/call.h"
#include "storage/object/object_types.h"
#include "store/blobs.h"

namespace acloud::storage {

class ObjectService {
 public:
  static constexpr std::size_t kInline = 64 << 10;
  static constexpr std::int64_t kJsonMost = 8 << 20;  // larger values are had as raw bytes alone
  static constexpr std::uint64_t kObjectMost = 1ULL << 40;

  // Part of the transaction of a put.
  using WhenPut =
      std::function<Result<>(store::Transaction&, const std::string& workspace, const ObjectInfo& object)>;

  ObjectService(store::Database& database, store::Blobs& blobs, WhenPut when_put = {})
      : database_(database), blobs_(blobs), when_put_(std::move(when_put)) {}

  static std::vector<store::Migration> migrations();
  static Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

  Task<Result<Bucket>> create_bucket(kernel::Context& context, BucketName request);
  Task<Result<BucketList>> list_buckets(kernel::Context& context, ListBuckets request);
  Task<Result<BucketName>> delete_bucket(kernel::Context& context, BucketName request);
  Task<Result<ObjectInfo>> put(kernel::Context& context, PutObject request);
  Task<Result<ObjectContent>> get(kernel::Context& context, GetObject request);
  Task<Result<ObjectList>> list(kernel::Context& context, ListObjects request);
  Task<Result<DeletedObject>> remove(kernel::Context& context, DeleteObject request);

  // Removes blobs that are older than `grace`, have no row, and are `named_elsewhere` by nobody. How many
  // went.
  using Named = std::function<Task<Result<bool>>(const std::string& digest)>;
  Task<Result<std::uint64_t>> sweep(std::chrono::seconds grace, Named named_elsewhere);

 private:
  store::Database& database_;
  store::Blobs& blobs_;
  WhenPut when_put_;
};

}  // namespace acloud::storage
