#include "batch/product.h"

namespace acloud::batch {
namespace {

using kernel::Effect;

std::string file_of(const FileId& request) { return "file/" + request.id; }
std::string batch_of(const BatchId& request) { return "batch/" + request.id; }

void declare_files(kernel::Product& batch, FileService& files) {
  batch.operation<UploadFile, File>("upload_file")
      .summary("Upload the requests for a batch, or what else a client has for later.")
      .keywords("jsonl prompts lines input")
      .description(
          "It is on disk when the reply comes. A large one is sent as the raw request body, with the other "
          "fields in the query. POST /v1/files is the same in OpenAI's dialect.")
      .effect(Effect::write)
      .resource([](const UploadFile& request) { return "file/" + request.filename; })
      .body_in("content")
      .example(
          "A line",
          R"json({"filename":"moons.jsonl","purpose":"batch","content":"{\"custom_id\":\"1\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"acloud-tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"How far is the moon?\"}]}}"})json")
      .handler(files, &FileService::upload);
  batch.operation<FileId, File>("get_file")
      .summary("See what a file is: its name, purpose and size.")
      .keywords("show uploaded metadata how large")
      .resource(file_of)
      .example("One", R"({"id":"file_0065a1b2c3d4e5f6a7b8c9d0e1"})")
      .handler(files, &FileService::get);
  batch.operation<ListFiles, FileList>("list_files")
      .summary("List the workspace's files, those of batches among them.")
      .keywords("show which uploaded input output results")
      .example("Those that batches wrote", R"({"purpose":"batch_output"})")
      .handler(files, &FileService::list);
  batch.operation<FileId, FileContent>("read_file")
      .summary("Read a file: the answers of a batch, say.")
      .keywords("download content get results output errors")
      .description("With Accept: application/octet-stream its bytes stream as they are.")
      .resource(file_of)
      .body_out("content")
      .example("One", R"({"id":"file_0065a1b2c3d4e5f6a7b8c9d0e1"})")
      .handler(files, &FileService::read);
  batch.operation<FileId, FileId>("delete_file")
      .summary("Delete a file that no batch is reading.")
      .keywords("remove erase uploaded input output")
      .effect(Effect::destroy)
      .resource(file_of)
      .example("One", R"({"id":"file_0065a1b2c3d4e5f6a7b8c9d0e1"})")
      .handler(files, &FileService::remove);
}

}  // namespace

void declare(kernel::Catalog& catalog, FileService& files, BatchService& batches) {
  auto& batch = catalog.add(
      "batch", "Many requests to models in one file, answered within a day, at the price of batches.");
  declare_files(batch, files);
  batch.operation<CreateBatch, Batch>("create")
      .summary("Have the lines of a file asked of models.")
      .keywords(
          "new many thousands requests texts questions translate classify bulk offline asynchronous cheap "
          "discount "
          "overnight prompts jsonl start")
      .description(
          "The lines are checked first: one that is wrong fails the batch before anything is asked. Each is "
          "then "
          "a call as any other, with the rights, budgets and limits of the key that makes the batch, which "
          "must "
          "stay valid; a limit or a budget that is reached is waited for. POST /v1/batches is the same in "
          "OpenAI's "
          "dialect.")
      .effect(Effect::spend)
      .resource([](const CreateBatch& request) { return "file/" + request.input_file; })
      .example("Of chats",
               R"({"input_file":"file_0065a1b2c3d4e5f6a7b8c9d0e1","endpoint":"/v1/chat/completions"})")
      .handler(batches, &BatchService::create);
  batch.operation<BatchId, Batch>("get")
      .summary("See how far a batch is, and where its answers are.")
      .keywords("status progress done finished counts output")
      .resource(batch_of)
      .example("One", R"({"id":"batch_0065a1b2c3d4e5f6a7b8c9d0e1"})")
      .handler(batches, &BatchService::get);
  batch.operation<ListBatches, BatchList>("list")
      .summary("List the workspace's batches, the newest first.")
      .keywords("show which all running finished")
      .example("The first page", "{}")
      .handler(batches, &BatchService::list);
  batch.operation<BatchId, Batch>("cancel")
      .summary("Ask no more lines of a batch. What was answered is kept.")
      .keywords("stop abort end bulk")
      .effect(Effect::write)
      .resource(batch_of)
      .example("One", R"({"id":"batch_0065a1b2c3d4e5f6a7b8c9d0e1"})")
      .handler(batches, &BatchService::cancel);
}

}  // namespace acloud::batch
