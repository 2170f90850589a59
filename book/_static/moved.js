// A chapter's former address leads on to the place on its page that was asked for.
location.replace(document.querySelector("a").href + location.hash);
