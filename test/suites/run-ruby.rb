# Runs tests of Ruby by name, and appends a line of JSON to a file when each one ends.
# Usage: run-ruby.rb RESULTS TREE FILE [TEST]
require 'json'

results, tree, file, test = ARGV
require "#{tree}/tool/test/init"

# Only the process that this script started tells: tests fork.
PROCESS = Process.pid
tell = lambda do |name, state, why|
  next unless Process.pid == PROCESS
  line = JSON.generate({ test: name, state:, why: why.to_s.scrub('?')[0, 2000] })
  # Opened each time: what was told stays, whatever ends this process.
  File.write(results, "#{line}\n", mode: 'a')
end

Test::Unit::Runner.prepend(Module.new do
  define_method(:record) do |suite, method, assertions, time, error|
    super(suite, method, assertions, time, error)
    state = case error
            when nil then 'ok'
            when Test::Unit::PendedError then 'skipped'
            else 'failed'
            end
    tell.call("#{suite}##{method}", state, error && "#{error.class}: #{error.message}")
  end
end)
ARGV.replace(['-v', '--seed=1', "--name=#{test || '!/memory_leak/'}", "#{tree}/#{file}"])
exit Test::Unit::AutoRunner.run(true, "#{tree}/test", ARGV)
