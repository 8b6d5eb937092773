// Progress: one line on the terminal that says what a command is doing, and is gone when it is done.
#pragma once

#include <string_view>

namespace jaxc::tools {

/// Writes to standard error, and only where that is a terminal.
class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Replaces the line.
  void show(std::string_view text);
  /// To be called before anything else is printed.
  void clear();

 private:
  bool terminal_ = false;
  bool shown_ = false;
};

}  // namespace jaxc::tools
