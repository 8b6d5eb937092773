// CodeCache: machine code of programs for the CPU, kept on disk for other processes.
#pragma once

#include "backends/llvm/llvm.h"
#include "runtime/disk_cache.h"
#include "runtime/session/state.h"

namespace jaxc::session {

/// What a process needs of a program that another one compiled.
struct StoredProgram {
  cpu::CpuObject object;
  std::vector<LoopReport> loops;
};

/// One program's place in the disk cache. Its key says all that machine code depends on: the build of jaxc, LLVM, the
/// processor, the options, the program's text with its equations' lines, and the values of its constants.
class CodeCache {
 public:
  /// The request's place; nothing when it names no folder, when its passes are watched or its runs are timed, or when
  /// this build of jaxc cannot be told from others.
  static std::optional<CodeCache> of(const Request& request, const cpu::CpuOptions& options);

  std::optional<StoredProgram> find() const;
  void store(const StoredProgram& program) const;

 private:
  CodeCache(runtime::DiskCache files, std::string key, std::vector<Array> constants)
      : files_(std::move(files)), key_(std::move(key)), constants_(std::move(constants)) {}

  runtime::DiskCache files_;
  std::string key_;
  std::vector<Array> constants_;  ///< of the program: stored by number, not by value
};

}  // namespace jaxc::session
