// Has NEST Desktop read its models before anyone opens a project.
//
// When NEST Desktop 4 starts for the first time in a browser, it copies the models and the projects
// that it comes with into databases of the browser, both at once. A project that is opened before
// its models are there stays broken until the page is loaded again: Simulate does nothing. So the
// first start happens here, in a frame that nobody sees; later ones find the databases filled.

const DATABASE = "_pouch_NEST_MODEL_STORE";
const RECORDS = "document-store";
const MODEL = /\/workspaces\/nest\/models\/[^/]+\.json$/;

// For how long nothing may come before the models count as complete, and when to go on anyway.
const QUIET_MS = 500;
const PATIENCE_MS = 20000;
const LOOK_MS = 50;

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Number of models in the database of NEST Desktop. */
async function kept() {
  const databases = await indexedDB.databases();
  // Opening one that is not there would make it.
  if (!databases.some((one) => one.name === DATABASE)) return 0;
  const database = await result(indexedDB.open(DATABASE));
  try {
    if (!database.objectStoreNames.contains(RECORDS)) return 0;
    const records = database.transaction(RECORDS).objectStore(RECORDS);
    return await result(records.count());
  } finally {
    database.close();
  }
}

/** Number of models' files that `frame` has loaded. */
function loaded(frame) {
  const entries = frame.contentWindow.performance.getEntriesByType("resource");
  return entries.filter((entry) => MODEL.test(entry.name)).length;
}

async function complete(frame) {
  const began = performance.now();
  let since = began;
  let before = "";
  while (performance.now() < began + PATIENCE_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const [files, models] = [loaded(frame), await kept()];
    const now = `${files} ${models}`;
    if (now !== before) since = performance.now();
    before = now;
    if (files > 0 && models >= files && performance.now() >= since + QUIET_MS) return;
  }
}

/** Wait until NEST Desktop, which is at `address`, has its models in this browser. */
export async function readModels(address) {
  const frame = document.createElement("iframe");
  try {
    if ((await kept()) > 0) return;
    frame.hidden = true;
    frame.src = address;
    document.body.append(frame);
    await complete(frame);
  } catch (error) {
    // Where a browser keeps nothing, or keeps it otherwise, it starts as it would by itself.
    console.warn(error);
  } finally {
    frame.remove();
  }
}
