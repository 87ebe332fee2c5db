// A Database made of Connections: one that writes, some that read.
#pragma once

#include "store/database.h"
#include "store/group_writer.h"
#include "store/reader_pool.h"

namespace acloud::store {

class Sessions : public Database {
 public:
  Sessions(std::unique_ptr<GroupWriter> writer, std::unique_ptr<ReaderPool> readers)
      : writer_(std::move(writer)), readers_(std::move(readers)) {}

  Stats stats() const override { return writer_->stats(); }

 protected:
  void submit(detail::WriteJob& job) override { writer_->submit(job); }
  void submit(detail::ReadJob& job) override { readers_->submit(job); }
  bool withdraw(detail::WriteJob& job) override { return writer_->withdraw(job); }
  bool withdraw(detail::ReadJob& job) override { return readers_->withdraw(job); }

  const std::unique_ptr<GroupWriter> writer_;
  const std::unique_ptr<ReaderPool> readers_;  // closed first
};

}  // namespace acloud::store
