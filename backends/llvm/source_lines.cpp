// Writes debug locations into a module, and reads them back from its assembly text.
#include "backends/llvm/source_lines.h"

#include <llvm/BinaryFormat/Dwarf.h>

#include <sstream>

namespace jaxc::cpu {

SourceLines::SourceLines(llvm::Module& module) : debug_(module), file_(debug_.createFile("program.jaxpr", "")) {
  module.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
  debug_.createCompileUnit(llvm::dwarf::DW_LANG_C, file_, "jaxc", /*isOptimized=*/true, /*Flags=*/"", /*RV=*/0,
                           /*SplitName=*/"", llvm::DICompileUnit::DebugDirectivesOnly);
}

void SourceLines::begin(llvm::Function& function, llvm::IRBuilder<>& builder) {
  function.setSubprogram(debug_.createFunction(
      file_, function.getName(), "", file_, /*LineNo=*/0, debug_.createSubroutineType(debug_.getOrCreateTypeArray({})),
      /*ScopeLine=*/0, llvm::DINode::FlagZero, llvm::DISubprogram::SPFlagDefinition));
  set({}, builder);
}

void SourceLines::set(ir::Location location, llvm::IRBuilder<>& builder) const {
  builder.SetCurrentDebugLocation(llvm::DILocation::get(builder.getContext(), location.line, location.column,
                                                        builder.GetInsertBlock()->getParent()->getSubprogram()));
}

std::string with_comments(const std::string& assembly, const std::function<std::string(ir::Location)>& describe) {
  std::istringstream lines(assembly);
  std::string commented;
  std::string shown;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string directive;
    words >> directive;
    if (directive == ".loc") {
      int file = 0;
      ir::Location location;
      words >> file >> location.line >> location.column;
      const std::string comment = location.line > 0 && describe ? describe(location) : "";
      if (!comment.empty() && comment != shown) commented += "\t# " + comment + "\n";
      if (!comment.empty()) shown = comment;
    } else if (directive != ".file" && !directive.starts_with(".cfi_")) {
      commented += line + "\n";
    }
  }
  return commented;
}

}  // namespace jaxc::cpu
