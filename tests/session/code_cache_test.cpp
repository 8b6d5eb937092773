// Programs compiled by another process: found again, told apart, and compiled anew where the file is bad.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "jaxc/jaxc.h"

namespace jaxc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view summed =
    "{ lambda ; a:f32[5]. let b:f32[] c:f32[5] = scan[jaxpr={ lambda ; d:f32[] e:f32[]. let f:f32[] = add d e in "
    "(f, f) } length=5 linear=(False, False) num_carry=1 num_consts=0 reverse=False unroll=1] 0.0:f32[] a in (b, c) }";
constexpr std::string_view with_constant = "{ lambda a:f32[3] ; b:f32[3]. let c:f32[3] = add a b in (c,) }";

class CodeCache : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              fmt::format("jaxc_code_{}_{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  CompileOptions options() const { return {.cache_folder = folder_.string()}; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

bool was_cached(const Executable& executable) {
  return executable.compile_times().front().pass == "read cache";
}

float last_sum(const Executable& executable) {
  return executable.run(std::vector{Array::of<float>({5}, {1, 2, 3, 4, 5})})[0].values<float>()[0];
}

TEST_F(CodeCache, GivesTheSameProgram) {
  const Program program = Program::parse(summed);
  const Executable fresh = compile(program, options());
  const Executable cached = compile(program, options());
  EXPECT_FALSE(was_cached(fresh));
  ASSERT_TRUE(was_cached(cached));
  EXPECT_EQ(last_sum(cached), 15);
  ASSERT_EQ(cached.loops().size(), 1U);
  EXPECT_EQ(cached.loops()[0].primitive, "scan");
  EXPECT_EQ(cached.loops()[0].line, fresh.loops()[0].line);
  EXPECT_EQ(cached.loops()[0].path, fresh.loops()[0].path);
  EXPECT_EQ(cached.loops()[0].reason, fresh.loops()[0].reason);
  for (const Stage stage : {Stage::jaxpr, Stage::simplified, Stage::program, Stage::plan, Stage::llvm, Stage::assembly})
    EXPECT_EQ(cached.dump(stage), fresh.dump(stage)) << name(stage);
}

TEST_F(CodeCache, IsUsedOnlyWhenAskedFor) {
  EXPECT_FALSE(was_cached(compile(Program::parse(summed))));
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(CodeCache, TellsProgramsApart) {
  const Program program = Program::parse(with_constant);
  const auto run = [&](std::initializer_list<float> constant) {
    const Executable executable = compile(program.with_constants({Array::of<float>({3}, constant)}), options());
    const float result = executable.run(std::vector{Array::of<float>({3}, {1, 1, 1})})[0].values<float>()[2];
    return std::pair(was_cached(executable), result);
  };
  EXPECT_EQ(run({1, 2, 3}), std::pair(false, 4.0F));
  EXPECT_EQ(run({1, 2, 5}), std::pair(false, 6.0F));
  EXPECT_EQ(run({1, 2, 3}), std::pair(true, 4.0F));
  // The same text further down: loops report other lines.
  EXPECT_FALSE(was_cached(compile(Program::parse(summed), options())));
  const Executable moved = compile(Program::parse("\n\n" + std::string(summed)), options());
  EXPECT_FALSE(was_cached(moved));
  EXPECT_EQ(moved.loops()[0].line, 3U);
  CompileOptions original = options();
  original.threefry_partitionable = false;
  EXPECT_FALSE(was_cached(compile(Program::parse(summed), original)));
  CompileOptions alone = options();
  alone.threads = 1;
  EXPECT_FALSE(was_cached(compile(Program::parse(summed), alone)));
  // Another operation in the same place.
  std::string multiplied(summed);
  multiplied.replace(multiplied.find("add"), 3, "mul");
  const Executable product = compile(Program::parse(multiplied), options());
  EXPECT_FALSE(was_cached(product));
  EXPECT_EQ(last_sum(product), 0);
}

TEST_F(CodeCache, TellsConstantsApart) {
  const Program program =
      Program::parse("{ lambda a:f32[3] b:f32[3] ; c:f32[3]. let d:f32[3] = mul a c; e:f32[3] = add d b in (e,) }")
          .with_constants({Array::of<float>({3}, {2, 3, 4}), Array::of<float>({3}, {10, 20, 30})});
  for (const bool is_cached : {false, true}) {
    const Executable executable = compile(program, options());
    EXPECT_EQ(was_cached(executable), is_cached);
    const auto results = executable.run(std::vector{Array::of<float>({3}, {1, 1, 1})});
    EXPECT_EQ(results[0].values<float>()[2], 34);
  }
}

TEST_F(CodeCache, ReplacesBadFiles) {
  const Program program = Program::parse(summed);
  compile(program, options());
  ASSERT_EQ(files(), 1U);
  const fs::path file = fs::directory_iterator(folder_)->path();
  fs::resize_file(file, fs::file_size(file) / 2);
  const Executable again = compile(program, options());
  EXPECT_FALSE(was_cached(again));
  EXPECT_EQ(last_sum(again), 15);
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(-100, std::ios::end) << "garbage";
  EXPECT_FALSE(was_cached(compile(program, options())));
  EXPECT_TRUE(was_cached(compile(program, options())));
}

TEST_F(CodeCache, ServesOtherProcesses) {
  std::vector<pid_t> children;
  for (int process = 0; process < 3; ++process) {
    const pid_t child = fork();
    if (child == 0) _exit(last_sum(compile(Program::parse(summed), options())) == 15 ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(was_cached(compile(Program::parse(summed), options())));
}

/// Compiles and runs in a process of its own, which `prepare` makes ready; 0 is good.
template <typename Prepare>
int compiled_apart(const CompileOptions& options, Prepare prepare) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    prepare();
    try {
      const bool good = last_sum(compile(Program::parse(summed), options)) == 15;
      _exit(good ? 0 : 1);
    } catch (const std::exception&) {
      _exit(2);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST_F(CodeCache, IsNotMissedInAFolderThatCannotBeWritten) {
  constexpr uid_t nobody = 65534;
  fs::create_directory(folder_);
  if (geteuid() == 0) ASSERT_EQ(chown(folder_.c_str(), nobody, nobody), 0);  // root may write anywhere
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(compiled_apart(options(), [] { EXPECT_TRUE(geteuid() != 0 || seteuid(nobody) == 0); }), 0);
  EXPECT_EQ(files(), 0U);
  fs::permissions(folder_, fs::perms::owner_all);
}

TEST_F(CodeCache, IsNotMissedOnAFullDisk) {
  EXPECT_EQ(compiled_apart(options(),
                           [] {
                             signal(SIGXFSZ, SIG_IGN);
                             const rlimit most{1000, 1000};
                             EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &most), 0);
                           }),
            0);
  EXPECT_EQ(files(), 0U);  // nor is a part left
}

TEST_F(CodeCache, RefusesWhatIsNoFileOfIts) {
  const Program program = Program::parse(summed);
  compile(program, options());
  const fs::path file = fs::directory_iterator(folder_)->path();
  const auto refused_and_run = [&](const char* what) {
    const Executable executable = compile(program, options());
    EXPECT_FALSE(was_cached(executable)) << what;
    EXPECT_EQ(last_sum(executable), 15) << what;
    fs::remove_all(file);
    EXPECT_EQ(files(), 0U) << what;
  };
  std::ofstream(file, std::ios::trunc).close();
  refused_and_run("an empty file");
  std::ofstream(file) << std::string(5000, 'x');
  refused_and_run("another file");
  fs::create_directory(file);
  refused_and_run("a folder");
  ASSERT_EQ(mkfifo(file.c_str(), S_IRUSR | S_IWUSR), 0);
  refused_and_run("a pipe");
  fs::create_symlink(folder_ / "nothing", file);
  refused_and_run("a link to nothing");
  std::ofstream(file) << "x";
  fs::permissions(file, fs::perms::none);
  refused_and_run("a file that cannot be read");
}

TEST_F(CodeCache, WatchedPassesRun) {
  compile(Program::parse(summed), options());
  CompileOptions watched = options();
  std::size_t passes = 0;
  watched.observe_passes = [&](std::string_view, std::string_view, const std::string&) { ++passes; };
  EXPECT_FALSE(was_cached(compile(Program::parse(summed), watched)));
  EXPECT_GT(passes, 0U);
  CompileOptions timed = options();
  timed.profile = true;
  EXPECT_FALSE(was_cached(compile(Program::parse(summed), timed)));
}

TEST(MakeCode, CanBeLeftOut) {
  const Executable executable = compile(Program::parse(summed), {.make_code = false});
  EXPECT_NE(executable.dump(Stage::plan).find("fused"), std::string::npos);
  EXPECT_NE(executable.dump(Stage::assembly).find("jaxc_program:"), std::string::npos);
  for (const PassTime& time : executable.compile_times()) EXPECT_EQ(time.pass.find("LLVM"), std::string::npos);
  try {
    last_sum(executable);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "run: the program was compiled without make_code; compile it with make_code");
  }
}

TEST(Assembly, NamesEquations) {
  const Executable executable = compile(Program::parse(summed), {.make_code = false});
  const std::string text = executable.dump(Stage::assembly);
  EXPECT_NE(text.find("add"), std::string::npos);
  EXPECT_NE(text.find("# line 1:"), std::string::npos) << text;
  EXPECT_EQ(text.find(".loc"), std::string::npos);
}

}  // namespace
}  // namespace jaxc
