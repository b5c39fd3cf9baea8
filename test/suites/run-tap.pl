# Runs tests that speak TAP, and appends a line of JSON to a file when each test ends. What the tests write between their lines goes to stdout.
# Usage: run-tap.pl RESULTS TREE FOLDER FILE...
# The tests write beside their sources. So the tree is copied to the working directory, and each file runs in FOLDER of the copy.
use strict;
use warnings;
use Cwd qw(getcwd);
use JSON::PP;
use TAP::Parser;

my ($results, $tree, $folder, @files) = @ARGV;
# For one file.
my $seconds = 60;
system('cp', '-r', "$tree/.", getcwd()) == 0 or die "cp: $?";
chdir $folder or die "$folder: $!";

for my $file (@files) {
    my $parser = TAP::Parser->new({ exec => ['timeout', '-k', 5, $seconds, $^X, $file], merge => 0 });
    my $tell = sub {
        my ($name, $state, $said) = @_;
        my $test = $folder eq '.' ? "$file $name" : "$folder/$file $name";
        # Opened each time: what was told stays, whatever ends this process.
        open my $out, '>>', $results or die "$results: $!";
        print $out encode_json({ test => $test, state => $state, why => substr($said, -2000) }), "\n";
        close $out;
    };
    while (defined(my $result = $parser->next)) {
        next unless $result->is_test;
        # Its number alone names it: descriptions hold process ids, ports and paths.
        my $state = $result->has_skip ? 'skipped' : $result->is_ok ? 'ok' : 'failed';
        $tell->($result->number, $state, $result->description);
    }
    # The exit status is a test too, for a file that dies early and has no plan.
    my $status = $parser->exit;
    $tell->('ends', $status == 0 ? 'ok' : 'failed', "exit status $status") unless $parser->skip_all;
}
