// Fetches what its argument names and prints the status: an ordinary program that knows nothing of postern.
const [, , url = 'https://example.com/'] = process.argv;

try {
  const response = await fetch(url);
  console.log(`${response.status} ${response.statusText}`);
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
