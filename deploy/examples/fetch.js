// Fetches the URL in its argument and prints the status. An ordinary program that knows nothing about postern.
const [, , url = 'https://example.com/'] = process.argv;

try {
  const response = await fetch(url);
  console.log(`${response.status} ${response.statusText}`);
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
