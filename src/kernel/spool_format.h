// A CallRecord as bytes in the spool: its two numbers, then its texts, each after its length (16 bits);
// numbers as this machine stores them, since no other reads them.
#pragma once

#include <cstring>
#include <string>

#include "kernel/record.h"

namespace acloud::kernel::spool_format {

// The texts in their order on disk.
template <class Record, class Visit>
void each_text(Record& record, Visit visit) {
  visit(record.request_id);
  visit(record.workspace);
  visit(record.principal);
  visit(record.key);
  visit(record.operation);
  visit(record.effect);
  visit(record.resource);
  visit(record.outcome);
}

inline void append_number(std::string& out, std::int64_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// A text of more than 64 KiB, which no field has, would be cut.
inline void append_record(std::string& out, const CallRecord& record) {
  append_number(out, record.started.time_since_epoch().count());
  append_number(out, record.took_us);
  each_text(record, [&out](const std::string& text) {
    const auto length = static_cast<std::uint16_t>(std::min<std::size_t>(text.size(), UINT16_MAX));
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out.append(text, 0, length);
  });
}

// Nothing where the bytes are no record.
inline std::optional<CallRecord> to_record(std::string_view bytes) {
  CallRecord record;
  bool whole = true;
  const auto take = [&](void* to, std::size_t size) {
    whole = whole && bytes.size() >= size;
    if (!whole) return;
    std::memcpy(to, bytes.data(), size);
    bytes.remove_prefix(size);
  };
  std::int64_t started = 0;
  take(&started, sizeof started);
  take(&record.took_us, sizeof record.took_us);
  record.started = Time{std::chrono::microseconds(started)};
  each_text(record, [&](std::string& text) {
    std::uint16_t length = 0;
    take(&length, sizeof length);
    whole = whole && bytes.size() >= length;
    if (!whole) return;
    text = bytes.substr(0, length);
    bytes.remove_prefix(length);
  });
  if (!whole || !bytes.empty()) return std::nullopt;
  return record;
}

// 32-bit FNV-1a: finds what a crash tore, not what an enemy wrote.
inline std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t hash = 2166136261U;
  for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return hash;
}

}  // namespace acloud::kernel::spool_format
