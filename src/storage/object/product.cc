#include "storage/object/product.h"

namespace acloud::storage {
namespace {

using kernel::Effect;

template <class Request>
std::string bucket_of(const Request& request) {
  return "bucket/" + request.bucket;
}

}  // namespace

void declare(kernel::Catalog& catalog, ObjectService& service) {
  auto& object = catalog.add(
      "object", "Values of any size under names, in buckets: durable before they are acknowledged.");
  object.operation<BucketName, Bucket>("create_bucket")
      .summary("Make a bucket.")
      .keywords("new folder container storage space")
      .effect(Effect::write)
      .resource(bucket_of<BucketName>)
      .example("A bucket for drafts", R"({"bucket":"drafts"})")
      .handler(service, &ObjectService::create_bucket);
  object.operation<ListBuckets, BucketList>("list_buckets")
      .summary("List the workspace's buckets.")
      .keywords("show which buckets all have folders containers storage")
      .example("The first page", "{}")
      .handler(service, &ObjectService::list_buckets);
  object.operation<BucketName, BucketName>("delete_bucket")
      .summary("Delete an empty bucket.")
      .keywords("remove empty drop bucket folder container")
      .effect(Effect::destroy)
      .resource(bucket_of<BucketName>)
      .example("Delete it", R"({"bucket":"old-reports"})")
      .handler(service, &ObjectService::delete_bucket);
  object.operation<PutObject, ObjectInfo>("put")
      .summary("Store a value under a key, in place of what was there.")
      .keywords("save keep write upload store file text document note report data remember value blob backup")
      .description(
          "The value is on disk when the reply comes. Large values are sent as the raw request body, "
          "with the other fields in the query.")
      .effect(Effect::write)
      .resource(bucket_of<PutObject>)
      .body_in("content")
      .example("A short text", R"({"bucket":"reports","key":"2026/november.txt","content":"All is well."})")
      .example(
          "Only if nobody changed it meanwhile",
          R"({"bucket":"reports","key":"state.json","content":"{}","if_match":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"})")
      .handler(service, &ObjectService::put);
  object.operation<GetObject, ObjectContent>("get")
      .summary("Read a value, whole or in part.")
      .keywords(
          "read fetch download load retrieve open show content file text document stored saved back value")
      .description("With Accept: application/octet-stream the value streams as it is.")
      .resource(bucket_of<GetObject>)
      .body_out("content")
      .example("The whole value", R"({"bucket":"reports","key":"2026/november.txt"})")
      .handler(service, &ObjectService::get);
  object.operation<ListObjects, ObjectList>("list")
      .summary("List a bucket's objects, in the byte order of their keys.")
      .keywords("show browse files objects keys what is in bucket contents saved stored prefix")
      .resource(bucket_of<ListObjects>)
      .example("Those of one year", R"({"bucket":"reports","prefix":"2026/"})")
      .handler(service, &ObjectService::list);
  object.operation<DeleteObject, DeletedObject>("delete")
      .summary("Delete an object.")
      .keywords("remove erase drop file object stored saved")
      .effect(Effect::destroy)
      .resource(bucket_of<DeleteObject>)
      .example("Delete one", R"({"bucket":"reports","key":"2026/november.txt"})")
      .handler(service, &ObjectService::remove);
}

}  // namespace acloud::storage
