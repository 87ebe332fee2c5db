// The part of product `model` that is about the model files of this server.
#pragma once

#include "inference/files/model_files.h"
#include "kernel/call.h"
#include "model/file_types.h"

namespace acloud::model {

class FileService {
 public:
  explicit FileService(inference::ModelFiles& files) : files_(files) {}

  // Events `progress` with bytes and of, at most two a second.
  Task<Result<PulledModel>> pull(kernel::Context& context, PullModel request);
  Task<Result<ModelFileList>> list(kernel::Context& context, ListModelFiles request);
  Task<Result<DeletedModelFile>> remove(kernel::Context& context, DeleteModelFile request);

 private:
  inference::ModelFiles& files_;
};

}  // namespace acloud::model
