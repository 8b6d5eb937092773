// The command line: what each subcommand prints and returns.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "jaxc/jaxc.h"

namespace {

struct Outcome {
  int status = 0;
  std::string output;  ///< both streams
};

Outcome jaxc(const std::string& arguments) {
  const std::string command = std::string(JAXC_COMMAND) + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  Outcome outcome;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    outcome.output.append(buffer.data(), count);
  const int status = pclose(pipe);
  outcome.status = WEXITSTATUS(status);
  return outcome;
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

const std::string conformance = std::string(JAXC_TEST_DATA) + "/conformance/";

class Command : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("jaxc_command_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    setenv("XDG_CACHE_HOME", path("caches").c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

  std::filesystem::path folder_;
};

TEST_F(Command, HelpOnEach) {
  for (const char* subcommand : {"", "run", "check", "dump", "devices", "primitives"}) {
    const Outcome outcome = jaxc(std::string(subcommand) + " --help");
    EXPECT_EQ(outcome.status, 0) << subcommand;
    EXPECT_NE(outcome.output.find("jaxc"), std::string::npos);
  }
}

TEST_F(Command, RunShowsAndWritesResults) {
  const std::string out = path("out.safetensors");
  const Outcome outcome = jaxc("run " + conformance + "prog_dlm_backward.jaxpr --out " + out + " --repeat 3");
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("out3   f32[40,2,2]"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("median of 3"), std::string::npos);
  EXPECT_EQ(jaxc::Safetensors::load(out).arrays.size(), 4U);
}

TEST_F(Command, RunKeepsCode) {
  const std::string run = "run " + conformance + "prog_dlm_backward.jaxpr ";
  EXPECT_EQ(jaxc(run + "--no-cache").status, 0);
  EXPECT_FALSE(std::filesystem::exists(path("caches")));
  const Outcome first = jaxc(run);
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(path("caches/jaxc")),
                         std::filesystem::directory_iterator());
  };
  EXPECT_EQ(files(), 1);
  EXPECT_EQ(jaxc(run).output, first.output);
  EXPECT_EQ(files(), 1);
  EXPECT_NE(jaxc(run + "--repeat 1").output.find("ms (kept by an earlier run)"), std::string::npos);
  EXPECT_EQ(jaxc(run + "--repeat 1 --no-cache").output.find("kept"), std::string::npos);
  EXPECT_EQ(jaxc(run + "--cache " + path("own")).output, first.output);
  EXPECT_TRUE(std::filesystem::exists(path("own")));
}

TEST_F(Command, RunWritesATrace) {
  const Outcome outcome = jaxc("run " + conformance + "scan_nested.jaxpr --repeat 2 --profile " + path("trace.json"));
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  std::ifstream file(path("trace.json"));
  const nlohmann::json trace = nlohmann::json::parse(file);
  std::map<std::string, int> names;
  for (const auto& event : trace.at("traceEvents")) {
    ++names[event.at("name")];
    EXPECT_EQ(event.at("ph"), "X");
    EXPECT_GE(event.at("ts"), 0.0);
    EXPECT_GE(event.at("dur"), 0.0);
  }
  for (const char* name : {"load", "compile", "simplify", "plan", "generate code", "link", "run"})
    EXPECT_EQ(names[name], 1) << name;
  EXPECT_GE(names["scan"], 1);
  EXPECT_EQ(jaxc("run " + conformance + "scan_nested.jaxpr --profile /nowhere/trace.json").output.substr(0, 6),
            "error:");
}

TEST_F(Command, CheckCountsAndFails) {
  const Outcome passed = jaxc("check " + conformance + "scan_cumsum.jaxpr " + conformance + "scan_nested.jaxpr");
  EXPECT_EQ(passed.status, 0);
  EXPECT_EQ(passed.output, "2 passed, 0 failed\n");

  std::filesystem::copy(conformance + "scan_cumsum.jaxpr", path("a.jaxpr"));
  jaxc::Safetensors data = jaxc::Safetensors::load(conformance + "scan_cumsum.safetensors");
  auto bytes = data.arrays.at("out0").mutable_bytes();
  std::fill(bytes.begin(), bytes.end(), std::byte{0x41});
  data.save(path("a.safetensors"));
  const Outcome failed = jaxc("check --list " + folder_.string());
  EXPECT_EQ(failed.status, 1);
  EXPECT_NE(failed.output.find("FAILED " + path("a.jaxpr") + ": out0 at ["), std::string::npos) << failed.output;
  EXPECT_EQ(last_line(failed.output), "0 passed, 1 failed");
}

TEST_F(Command, SurvivesBadFiles) {
  EXPECT_EQ(jaxc("run absent.jaxpr").output, "error: absent.jaxpr: cannot be opened for reading\n");
  EXPECT_EQ(jaxc("check absent").status, 1);
  write("a.jaxpr", "{ lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) }");
  EXPECT_NE(jaxc("run " + path("a.jaxpr")).output.find("give --data FILE.safetensors"), std::string::npos);
  write("a.safetensors", "garbage");
  const Outcome corrupt = jaxc("run " + path("a.jaxpr"));
  EXPECT_EQ(corrupt.status, 1);
  EXPECT_NE(corrupt.output.find("a.safetensors"), std::string::npos) << corrupt.output;

  // Every truncation of a good file is refused.
  const std::string good = path("good.safetensors");
  jaxc::Safetensors data;
  data.arrays.emplace("in0", jaxc::Array::of<float>({3}, {1, 2, 3}));
  data.save(good);
  const auto size = std::filesystem::file_size(good);
  for (std::uintmax_t length = 0; length < size; length += 7) {
    std::filesystem::resize_file(good, length);
    const Outcome outcome = jaxc("run " + path("a.jaxpr") + " --data " + good);
    EXPECT_EQ(outcome.status, 1) << length << outcome.output;
    data.save(good);
  }
  jaxc::Safetensors wrong;
  wrong.arrays.emplace("in0", jaxc::Array::of<double>({3}, {1, 2, 3}));
  wrong.save(good);
  EXPECT_NE(jaxc("run " + path("a.jaxpr") + " --data " + good).output.find("input 0 has type f32[3], got f64[3]"),
            std::string::npos);
}

TEST_F(Command, NamesWhatAnOptionMustBe) {
  const std::string program = path("a.jaxpr");
  write("a.jaxpr", "{ lambda ; . let a:f32[3] = iota[dimension=0 dtype=float32 shape=(3,) sharding=None] in (a,) }");
  struct Row {
    std::string arguments;
    std::string message;  ///< a part of it
  };
  const std::vector<Row> rows = {
      {"run " + program + " --repeat -1", "--repeat: must be at least 1, got -1"},
      {"run " + program + " --repeat abc", "--repeat: must be a whole number, got abc"},
      {"run " + program + " --repeat 3000000000", "--repeat: must be at most 2147483647, got 3000000000"},
      {"run " + program + " --threads -1", "--threads: must be at least 0, got -1"},
      {"check " + program + " --rtol -1", "--rtol: must be above 0, got -1"},
      {"check " + program + " --rtol abc", "--rtol: must be a number, got abc"},
      {"check " + program + " --rtol nan", "--rtol: must be a number, got nan"},
      {"run " + program + " --out /nowhere/x",
       "error: --out: /nowhere/x cannot be written, there is no folder /nowhere"},
      {"run " + program + " --profile " + folder_.string(), "error: --profile: must be a file, got the folder"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = jaxc(row.arguments);
    EXPECT_NE(outcome.status, 0);
    EXPECT_NE(outcome.output.find(row.message), std::string::npos) << row.arguments << "\n" << outcome.output;
    EXPECT_EQ(outcome.output.find("out0 "), std::string::npos) << outcome.output;
  }
}

TEST_F(Command, TellsFilesApart) {
  write("a.jaxpr", "{ lambda a:f32[3]; b:f32[3]. let c:f32[3] = add b a in (c,) }");
  jaxc::Safetensors data;
  data.arrays.emplace("in0", jaxc::Array::of<float>({3}, {1, 2, 3}));
  data.save(path("a.safetensors"));
  write("b.jaxpr", "{ lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) }");
  EXPECT_NE(jaxc("run " + path("b.jaxpr") + " --data " + path("b.jaxpr")).output.find("is not a .safetensors file"),
            std::string::npos);
  EXPECT_NE(jaxc("run " + path("a.safetensors")).output.find("a program is a text, got a binary file"),
            std::string::npos);
  const Outcome missing = jaxc("check " + path("a.jaxpr"));
  EXPECT_EQ(
      missing.output.substr(0, missing.output.find(';')),
      "FAILED " + path("a.jaxpr") + ": every constant needs a value, and JAX prints none, got none for const0:f32[3]");
}

TEST_F(Command, CheckNamesTheToleranceThatWouldDo) {
  write("a.jaxpr", "{ lambda ; a:f32[1]. let b:f32[1] = neg a in (b,) }");
  const auto output_for = [&](float recorded) {
    jaxc::Safetensors data;
    data.arrays.emplace("in0", jaxc::Array::of<float>({1}, {-1}));
    data.arrays.emplace("out0", jaxc::Array::of<float>({1}, {recorded}));
    data.save(path("a.safetensors"));
    return jaxc("check " + path("a.jaxpr")).output;
  };
  EXPECT_NE(output_for(1.001F).find("; --rtol 5.5e-04 accepts it)"), std::string::npos) << output_for(1.001F);
  EXPECT_EQ(jaxc("check --rtol 5.5e-04 " + path("a.jaxpr")).output, "1 passed, 0 failed\n");
  EXPECT_EQ(output_for(2).find("--rtol"), std::string::npos);
}

TEST_F(Command, DumpShowsEveryStage) {
  const Outcome outcome = jaxc("dump " + conformance + "scan_nested.jaxpr --stage all");
  EXPECT_EQ(outcome.status, 0);
  for (const char* stage : {"jaxpr", "simplified", "program", "plan", "llvm", "asm"})
    EXPECT_NE(outcome.output.find(std::string("==== ") + stage + " ===="), std::string::npos) << stage;
  const Outcome passes = jaxc("dump " + conformance + "scan_nested.jaxpr --passes");
  for (const char* pass : {"simplify", "lower", "fuse", "contract", "plan"})
    EXPECT_NE(passes.output.find(std::string("==== ") + pass + ": "), std::string::npos) << pass;
  const Outcome explained = jaxc("dump " + conformance + "scan_nested.jaxpr --explain");
  EXPECT_NE(explained.output.find("memory: "), std::string::npos);
  EXPECT_NE(explained.output.find("scan (line"), std::string::npos);
  EXPECT_NE(explained.output.find("fused"), std::string::npos);
}

TEST_F(Command, DevicesNamesTheCpu) {
  EXPECT_EQ(jaxc("devices").output.substr(0, 3), "cpu");
}

TEST_F(Command, PrimitivesCountsGaps) {
  EXPECT_NE(jaxc("primitives").output.find("lower"), std::string::npos);
}

}  // namespace
